// The storage driver that keeps a node's pairs in its own process: for development, for tests and for the
// one-command cluster. It forgets everything when the process ends, and its ring record with it.

import {
  failed,
  MISS,
  STORED,
  type MergeResult,
  type Pair,
  type RingRecord,
  type SlotFilter,
  type Storage
} from '../core/ports.ts'
import { compareRecords, keepUntilMs, keptRecord, type PairRecord } from '../core/pairs/record.ts'
import { isTrusted, trustInText, type Trust } from '../core/ring/sentinel.ts'
import { compareVersions } from '../core/pairs/version.ts'
import {
  MEMORY_PAIR_BYTES,
  MEMORY_STORAGE_BYTES,
  MEMORY_SWEEP_PAIRS,
  SCAN_BATCH_BYTES,
  SCAN_BATCH_PAIRS
} from '../limits.ts'

export interface MemoryStorageOptions {
  readonly wallMs: () => number
  /** Bytes after which merges are refused as `full`; tests make it small. */
  readonly limitBytes?: number
}

interface Store {
  /** The pairs of each slot that has any. */
  readonly slots: Map<number, Map<string, PairRecord>>
  readonly wallMs: () => number
  readonly limitBytes: number
  pairs: number
  bytes: number
}

/** An empty storage, and the ring record that goes with it. */
export function createMemoryStorage(options: MemoryStorageOptions): {
  storage: Storage
  ringRecord: RingRecord
} {
  const { wallMs, limitBytes = MEMORY_STORAGE_BYTES } = options
  const store: Store = { slots: new Map(), wallMs, limitBytes, pairs: 0, bytes: 0 }
  const ring = createRing(wallMs)
  const sweep = createSweep(store)

  function merge(slot: number, key: string, record: PairRecord): MergeResult {
    sweep()
    const present = find(store, slot, key)
    const order = present === undefined ? -1 : compareRecords(present, record)
    if (present !== undefined && order > 0) return { kind: 'stale', version: present.version }
    return order === 0 || put(store, slot, key, keptRecord(record, wallMs())) ? STORED : failed('full')
  }

  const storage: Storage = {
    get incarnation() {
      return ring.incarnation()
    },
    get trustedUntilMs() {
      return ring.trustedUntilMs()
    },
    async get(slot, key) {
      const record = find(store, slot, key)
      return record === undefined ? MISS : { kind: 'found', record }
    },
    merge: async (slot, key, record) => merge(slot, key, record),
    async mergeAll(pairs) {
      const results = pairs.map(({ slot, key, record }) => merge(slot, key, record))
      return results.find(result => result.kind === 'failed')
    },
    async discard(slot, key, version) {
      const record = find(store, slot, key)
      if (record !== undefined && compareVersions(record.version, version) === 0) remove(store, slot, key)
      return undefined
    },
    scan: slots => scan(store, slots),
    purge: async (slots, within = batch => batch()) => (await within(async () => purge(store, slots))) ?? 0,
    stats: async () => ({ pairs: store.pairs, bytes: store.bytes, limitBytes }),
    async recheck() {},
    async close() {}
  }
  return { storage, ringRecord: ring.record }
}

function weigh(key: string, record: PairRecord): number {
  return MEMORY_PAIR_BYTES + key.length + record.contentType.length + record.value.length
}

/** The record, unless there is none or it may be forgotten; then it is. */
function find(store: Store, slot: number, key: string): PairRecord | undefined {
  const record = store.slots.get(slot)?.get(key)
  if (record === undefined || keepUntilMs(record) > store.wallMs()) return record
  remove(store, slot, key)
  return undefined
}

/** False: there is no room, and what was there stays. */
function put(store: Store, slot: number, key: string, record: PairRecord): boolean {
  let shelf = store.slots.get(slot)
  const old = shelf?.get(key)
  const moreBytes = weigh(key, record) - (old === undefined ? 0 : weigh(key, old))
  if (moreBytes > 0 && store.bytes + moreBytes > store.limitBytes) return false
  if (shelf === undefined) store.slots.set(slot, (shelf = new Map()))
  // Memory of its own: the value may be a small view on a large buffer, which would live as long as the view.
  const value = Buffer.allocUnsafeSlow(record.value.length)
  record.value.copy(value)
  const { version, deleted, expiresAtMs, contentType } = record
  shelf.set(key, { version, deleted, expiresAtMs, contentType, value })
  store.bytes += moreBytes
  if (old === undefined) store.pairs++
  return true
}

function remove(store: Store, slot: number, key: string): void {
  const shelf = store.slots.get(slot)
  const record = shelf?.get(key)
  if (shelf === undefined || record === undefined) return
  shelf.delete(key)
  if (shelf.size === 0) store.slots.delete(slot)
  store.pairs--
  store.bytes -= weigh(key, record)
}

/** A function that looks at the next few pairs, round and round, and drops those that may be forgotten. */
function createSweep(store: Store): () => void {
  let pairs = everyPair(store)
  return () => {
    for (let i = 0; i < MEMORY_SWEEP_PAIRS; i++) {
      const next = pairs.next()
      if (next.done === true) {
        pairs = everyPair(store)
        return
      }
      find(store, next.value.slot, next.value.key)
    }
  }
}

function* everyPair(store: Store): Generator<{ readonly slot: number; readonly key: string }> {
  for (const [slot, shelf] of store.slots) {
    for (const key of shelf.keys()) yield { slot, key }
  }
}

async function* scan(store: Store, slots: SlotFilter): AsyncGenerator<readonly Pair[]> {
  let batch: Pair[] = []
  let bytes = 0
  for (const slot of [...store.slots.keys()]) {
    if (!slots(slot)) continue
    // The keys as they are now: one that is dropped and comes back must not come twice.
    for (const key of [...(store.slots.get(slot)?.keys() ?? [])]) {
      const record = slots(slot) ? find(store, slot, key) : undefined
      if (record === undefined) continue
      batch.push({ slot, key, record })
      bytes += weigh(key, record)
      if (batch.length < SCAN_BATCH_PAIRS && bytes < SCAN_BATCH_BYTES) continue
      yield batch
      batch = []
      bytes = 0
    }
  }
  if (batch.length > 0) yield batch
}

function purge(store: Store, slots: SlotFilter): number {
  let purged = 0
  for (const { slot, key } of everyPair(store)) {
    if (!slots(slot)) continue
    remove(store, slot, key)
    purged++
  }
  return purged
}

/** The ring record in this process's memory. It says which memory answers, as the one in Memcached does. */
function createRing(wallMs: () => number): {
  readonly incarnation: () => number
  readonly trustedUntilMs: () => number
  readonly record: RingRecord
} {
  let text: string | undefined
  let trust: Trust | undefined
  let number = 0

  const isGood = () => trust !== undefined && isTrusted(trust, wallMs())

  function write(next: string): boolean {
    text = next
    if (!isGood()) number++
    trust = trustInText(text)
    return true
  }

  return {
    incarnation: () => (isGood() ? number : 0),
    trustedUntilMs: () => trust?.untilMs ?? 0,
    record: {
      read: async () => text,
      add: async next => text === undefined && write(next),
      replace: async next => text !== undefined && write(next),
      close() {}
    }
  }
}
