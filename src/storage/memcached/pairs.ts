// Reading and merging one pair in Memcached. A merge looks at what is there and then puts its record in that
// very place: by `add` where there was nothing, by `cas` where there was something older. If either loses a
// race, it looks again.

import { performance } from 'node:perf_hooks'
import {
  failed,
  MISS,
  STORED,
  type Failed,
  type GetResult,
  type MergeResult,
  type Pair
} from '../../core/ports.ts'
import { compareRecords, keepUntilMs, keptRecord, type PairRecord } from '../../core/pairs/record.ts'
import { KvError } from '../../errors.ts'
import { MERGE_ATTEMPTS, STORAGE_DEADLINE_MS } from './limits.ts'
import { type Client } from './client.ts'
import { expiryS } from './commands.ts'
import { type AddReply, type CasReply, type Connection, type GetReply } from './connection-api.ts'
import { type LargeNames } from './large-names.ts'
import { type Lanes } from './lanes.ts'
import { decodeItem, encodeItem, pairName } from './names.ts'

export interface PairPorts {
  readonly client: Client
  /** The merges of this process, one after the other for each name. */
  readonly lanes: Lanes
  /** What is known to be large. */
  readonly large: LargeNames
  readonly wallMs: () => number
  /** Told of an item that is not what this store writes. */
  readonly unreadable: (name: string, why: string) => void
}

/** As `Storage.get`. */
export function getPair(ports: PairPorts, slot: number, key: string): Promise<GetResult> {
  return new Promise(resolve => {
    const name = pairName(slot, key)
    const connection = ports.client.pick(ports.large.has(name))
    if ('kind' in connection) return resolve(connection)
    connection.get(name, reply => {
      if (reply.kind === 'value') ports.large.note(name, reply.bytes.length)
      if (reply.kind !== 'value') return resolve(reply.kind === 'miss' ? MISS : reply)
      const record = readItem(ports, name, key, reply.bytes)
      if ('kind' in record) resolve(record)
      else resolve(keepUntilMs(record) > ports.wallMs() ? { kind: 'found', record } : MISS)
    })
  })
}

/** As `Storage.merge`. */
export async function mergePair(
  ports: PairPorts,
  slot: number,
  key: string,
  record: PairRecord
): Promise<MergeResult> {
  const name = pairName(slot, key)
  const kept = keptRecord(record, ports.wallMs())
  const endMs = performance.now() + STORAGE_DEADLINE_MS
  const turn = ports.lanes.enter(name)
  if (turn === 'full') return failed('overloaded')
  if (turn !== undefined) await turn
  try {
    for (let attempt = 0; attempt < MERGE_ATTEMPTS && performance.now() < endMs; attempt++) {
      const result = await attemptMerge(ports, name, key, kept)
      if (result !== 'lost') return result
    }
    // Every attempt was refused and none is under way: nothing was done.
    return failed('overloaded')
  } finally {
    ports.lanes.leave(name)
  }
}

/**
 * As `Storage.mergeAll`. Pairs that are copied are mostly new here, so each is put by `add` without a look;
 * only where there is something already it is merged like any other.
 */
export function mergePairs(ports: PairPorts, pairs: readonly Pair[]): Promise<Failed | undefined> {
  return new Promise(resolve => {
    let waiting = pairs.length
    let failure: Failed | undefined
    const settle = (result: MergeResult): void => {
      if (result.kind === 'failed') failure ??= result
      if (--waiting === 0) resolve(failure)
    }
    if (waiting === 0) resolve(undefined)
    for (const pair of pairs) addPair(ports, pair, settle)
  })
}

function addPair(ports: PairPorts, { slot, key, record }: Pair, done: (result: MergeResult) => void): void {
  const connection = ports.client.pick()
  if ('kind' in connection) return done(connection)
  const name = pairName(slot, key)
  const kept = keptRecord(record, ports.wallMs())
  connection.add(name, expiryS(keepUntilMs(kept)), encodeItem(name, key, kept), reply => {
    if (reply.kind === 'stored') done(STORED)
    else if (reply.kind === 'full') done(failed('full'))
    else if (reply.kind === 'failed') done(reply)
    else mergePair(ports, slot, key, record).then(done, () => done(failed('unreachable')))
  })
}

/** One look and one step. `lost`: another writer came between the two. */
async function attemptMerge(
  ports: PairPorts,
  name: string,
  key: string,
  record: PairRecord
): Promise<MergeResult | 'lost'> {
  // Both on one connection: on another one, the number that a `cas` presents could be that of something else.
  const connection = ports.client.pick(ports.large.has(name))
  if ('kind' in connection) return connection
  const found = await new Promise<GetReply>(resolve => connection.gets(name, resolve))
  // That only the look got no answer is worth telling apart: nothing was written, and nothing will be.
  if (found.kind === 'failed') return found.reason === 'timeout' ? failed('unreachable') : found
  if (found.kind === 'value') {
    const stored = readItem(ports, name, key, found.bytes)
    if ('kind' in stored) return stored
    const order = keepUntilMs(stored) > ports.wallMs() ? compareRecords(stored, record) : -1
    if (order > 0) return { kind: 'stale', version: stored.version }
    if (order === 0) return STORED
  }
  const item = encodeItem(name, key, record)
  ports.large.note(name, item.length)
  const reply = await put(connection, name, item, expiryS(keepUntilMs(record)), found)
  if (reply.kind === 'stored') return STORED
  if (reply.kind === 'full') return failed('full')
  return reply.kind === 'failed' ? reply : 'lost'
}

function put(
  connection: Connection,
  name: string,
  body: Buffer,
  expiry: number,
  found: GetReply
): Promise<AddReply | CasReply> {
  return new Promise(resolve => {
    if (found.kind === 'value') connection.cas(name, expiry, body, found.cas, resolve)
    else connection.add(name, expiry, body, resolve)
  })
}

/**
 * The record in an item. Bytes that this store did not write are no answer: taken for a miss, they would hide
 * an acknowledged write, and written over, they would be gone before anybody has seen why they are there.
 */
export function readItem(ports: PairPorts, name: string, key: string, bytes: Buffer): PairRecord | Failed {
  try {
    return decodeItem(name, bytes, key).record
  } catch (error) {
    if (!(error instanceof KvError)) throw error
    ports.unreadable(name, error.message)
    return failed('unreachable')
  }
}
