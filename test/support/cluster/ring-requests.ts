// What an operator asks of a real node about the ring, and what tests wait for.

import { request } from 'undici'
import { type ChangeState } from '../../../plugins/changes/progress.ts'
import { type RingJson } from '../../../src/core/ring/ring-json.ts'
import { type TestNode } from './cluster.ts'
import { until } from './memcached.ts'

const SETTLE_MS = 180_000
const TOLD_MS = 60_000

/** How a request for a change ended; status 0: its connection broke. */
export interface ChangeAnswer {
  readonly status: number
  readonly text: string
}

export async function changeState(node: TestNode): Promise<ChangeState | undefined> {
  return (await jsonOf(`${node.url}/ring/changes`)) as ChangeState | undefined
}

export async function ringOf(node: TestNode): Promise<RingJson | undefined> {
  return (await jsonOf(`${node.url}/hash_ring`)) as RingJson | undefined
}

async function jsonOf(url: string): Promise<unknown> {
  try {
    const { statusCode, body } = await request(url, { headersTimeout: 5_000, bodyTimeout: 5_000 })
    const text = await body.text()
    return statusCode === 200 ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
}

export async function askChange(node: TestNode, path: string): Promise<ChangeAnswer> {
  try {
    const { statusCode, body } = await request(`${node.url}${path}`, {
      method: 'POST',
      headersTimeout: 300_000
    })
    return { status: statusCode, text: await body.text() }
  } catch (error) {
    return { status: 0, text: (error as Error).message }
  }
}

/** Waits until every node is ready, and all have one and the same ring, which is stable. */
export async function untilAgreed(nodes: readonly TestNode[]): Promise<RingJson> {
  let rings: Array<RingJson | undefined> = []
  await until(
    'every node has the same stable ring',
    async () => {
      rings = await Promise.all(nodes.map(ringOf))
      const told = JSON.stringify(rings[0])
      return (
        rings.every(ring => ring !== undefined && ring.next === undefined && JSON.stringify(ring) === told) &&
        (await Promise.all(nodes.map(node => node.isReady()))).every(Boolean)
      )
    },
    SETTLE_MS
  ).catch(async (error: Error) => {
    const states = await Promise.all(nodes.map(changeState))
    throw new Error(
      [
        error.message,
        ...rings.map(ring => JSON.stringify(ring)),
        JSON.stringify(states),
        ...nodes.map(node => node.output().slice(-3_000))
      ].join('\n')
    )
  })
  return rings[0] as RingJson
}

/**
 * Waits until the node's `/ring/changes` says that a receiver waits for what the pattern describes; false if
 * the change ends without that.
 */
export async function untilTold(witness: TestNode, { epoch }: RingJson, pattern: RegExp): Promise<boolean> {
  let state: ChangeState | undefined
  await until(
    `/ring/changes tells ${pattern}`,
    async () => {
      state = await changeState(witness)
      return isOver(state, epoch) || isTold(state, pattern)
    },
    TOLD_MS
  ).catch((error: Error) => {
    throw new Error(`${error.message}, and not ${JSON.stringify(state)}`)
  })
  return isTold(state, pattern)
}

function isOver(state: ChangeState | undefined, epochBefore: number): boolean {
  return state !== undefined && state.state !== 'under way' && (state.epoch ?? 0) > epochBefore
}

function isTold(state: ChangeState | undefined, pattern: RegExp): boolean {
  return state?.receivers.some(({ received, waitsFor }) => !received && pattern.test(waitsFor ?? '')) === true
}
