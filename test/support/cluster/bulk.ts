// Many pairs for tests that move them: written in bulk, each with a value that only its own key has, and
// looked for through a node.

import { request } from 'undici'
import { createPlacement } from '../../../src/core/ring/placement.ts'
import { ringFromJson, type RingJson } from '../../../src/core/ring/ring-json.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { forEach, get, remove } from './client.ts'
import { until } from './memcached.ts'

/** Pairs, and bytes of their values, in one request. */
const AT_A_TIME = 5_000
const BYTES_AT_A_TIME = 8 * 1024 * 1024

export interface BulkOptions {
  /** How many pairs. */
  readonly pairs: number
  /** Bytes of a value, at least as many as its key takes. */
  readonly valueBytes: number
  /** Every so-manieth pair is deleted again. Default: none. */
  readonly deletedEvery?: number
}

export function bulkKey(index: number): string {
  return `bulk-${index}`
}

/** The value of a pair; undefined: it was deleted. */
export function bulkValue(index: number, { valueBytes, deletedEvery }: BulkOptions): string | undefined {
  return deletedEvery !== undefined && index % deletedEvery === 0
    ? undefined
    : `${index}.`.padEnd(valueBytes, 'v')
}

/**
 * Writes all pairs, and deletes some, through a node or balancer (`http://host:port`); throws if one of them
 * is not acknowledged.
 */
export async function writeBulk(url: string, options: BulkOptions): Promise<void> {
  const atATime = Math.min(AT_A_TIME, Math.floor(BYTES_AT_A_TIME / options.valueBytes))
  for (let from = 0; from < options.pairs; from += atATime) {
    const indices = Array.from({ length: Math.min(atATime, options.pairs - from) }, (_, i) => from + i)
    const dic = JSON.stringify(
      Object.fromEntries(indices.map(index => [bulkKey(index), bulkValue(index, options) ?? 'to be deleted']))
    )
    const { statusCode, body } = await request(`${url}/bulk_update_keys`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `dic=${encodeURIComponent(dic)}`
    })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`/bulk_update_keys: ${statusCode} ${text.slice(0, 300)}`)
    await forEach(
      indices.filter(index => bulkValue(index, options) === undefined),
      index => remove(url, bulkKey(index))
    )
  }
}

/** The keys, of every `step`th pair, that do not come back through the node as they were written. */
export async function brokenBulk(url: string, options: BulkOptions, step = 1): Promise<string[]> {
  const broken: string[] = []
  const indices = Array.from({ length: Math.ceil(options.pairs / step) }, (_, i) => i * step)
  await forEach(indices, async index => {
    const value = await patientGet(url, bulkKey(index)).catch((error: Error) => error.message)
    if (value?.toString() !== bulkValue(index, options)) {
      broken.push(`${bulkKey(index)}: ${value?.toString().slice(0, 200)}`)
    }
  })
  return broken
}

/**
 * The keys that fewer of their replicas hold than a quorum. A read would find them and mend that, so this is
 * to be looked at before anything is read; but one more failure, and they are lost.
 */
export async function scarceBulk(
  nodes: ReadonlyArray<{ readonly address: string; readonly url: string }>,
  ring: RingJson,
  options: BulkOptions
): Promise<string[]> {
  const placement = createPlacement(ringFromJson(ring))
  const held = new Map(
    await Promise.all(
      nodes.map(async ({ address, url }) => {
        const pairs = (await (await request(`${url}/fetch_keys`)).body.json()) as Array<[string, string]>
        return [address, new Map(pairs)] as const
      })
    )
  )
  const scarce: string[] = []
  for (let index = 0; index < options.pairs; index++) {
    const key = bulkKey(index)
    const value = bulkValue(index, options)
    const plan = placement.plan(slotOf(key))
    const holders = plan.nodes.filter(node => held.get(node)?.get(key) === value)
    if (value !== undefined && holders.length < (plan.sets[0]?.write ?? 0)) {
      scarce.push(`${key}: of ${plan.nodes.join(', ')} only ${holders.join(', ') || 'none'}`)
    }
  }
  return scarce
}

/** As `get`, and again where a node is just back and the others do not know it yet. */
async function patientGet(url: string, key: string): Promise<Buffer | undefined> {
  let value: Buffer | undefined
  let refusal: Error | undefined
  await until('the read is served', async () => {
    refusal = undefined
    value = await get(url, key).catch((error: Error) => {
      refusal = error
      return undefined
    })
    return refusal === undefined
  }).catch((error: Error) => {
    throw refusal ?? error
  })
  return value
}
