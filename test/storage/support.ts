// What the tests of the storage drivers share: records, a wall clock that a test moves, and storages that end
// with the test.

import { type Test } from 'tap'
import { type Pair, type Storage } from '../../src/core/ports.ts'
import { sentinelText } from '../../src/core/ring/sentinel.ts'
import { type PairRecord } from '../../src/core/pairs/record.ts'
import { createMemcachedRingRecord } from '../../src/storage/memcached/ring-record.ts'
import { createMemcachedStorage, type MemcachedStorageOptions } from '../../src/storage/memcached/storage.ts'

export const RING = sentinelText({
  ring: { generation: 1, epoch: 1, replicas: 1, tokens: [{ position: 0, node: 'n:1' }] },
  repairedMs: 0
})
export const everySlot = (): boolean => true

/** A record of version `n`, which is told apart from others by its value. */
export function record(n: number, fields: Partial<PairRecord> = {}): PairRecord {
  return {
    version: { timeMs: n, counter: 0, writer: 1 },
    deleted: false,
    expiresAtMs: 0,
    contentType: '',
    value: Buffer.from(`v${n}`),
    ...fields
  }
}

export interface Log extends Pick<MemcachedStorageOptions, 'log'> {
  readonly lines: { level: string; message: string }[]
}

/** A log that a test can read. */
export function createLog(): Log {
  const lines: Log['lines'] = []
  const at =
    (level: string) =>
    (_fields: unknown, message?: string): void => {
      lines.push({ level, message: message ?? '' })
    }
  return {
    lines,
    log: { info: at('info'), warn: at('warn'), error: at('error') } as MemcachedStorageOptions['log']
  }
}

/** A storage over this Memcached that is closed with the test, connected if Memcached answers. */
export async function openStorage(
  t: Test,
  address: string,
  options: Partial<MemcachedStorageOptions> = {}
): Promise<Storage> {
  const storage = createMemcachedStorage({ address, wallMs: Date.now, log: createLog().log, ...options })
  t.teardown(() => storage.close())
  await storage.recheck()
  return storage
}

/** Writes the sentinel, as the node's primary process does. */
export async function writeRing(address: string): Promise<void> {
  const ringRecord = createMemcachedRingRecord({ address })
  await ringRecord.add(RING)
  ringRecord.close()
}

/** All pairs of a scan. */
export async function collect(scan: AsyncIterable<readonly Pair[]>): Promise<Pair[]> {
  const pairs: Pair[] = []
  for await (const batch of scan) pairs.push(...batch)
  return pairs
}

/** Merges pairs key0, key1 ... of version 1, spread over the slots 0 to 9, and returns their keys. */
export async function fill(storage: Storage, count: number, valueBytes = 10): Promise<string[]> {
  const value = Buffer.alloc(valueBytes, 'x')
  const keys = Array.from({ length: count }, (_, i) => `key${i}`)
  for (let from = 0; from < count; from += 1000) {
    const results = await Promise.all(
      keys
        .slice(from, from + 1000)
        .map((key, i) => storage.merge(slotFor(from + i), key, record(1, { value })))
    )
    for (const result of results) {
      if (result.kind !== 'stored') throw new Error(`filling: ${JSON.stringify(result)}`)
    }
  }
  return keys
}

/** The slot that `fill` puts its i-th key in. */
export function slotFor(i: number): number {
  return i % 10
}
