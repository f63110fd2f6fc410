// The ports through which the core meets the world: storage of one node, replicas anywhere, the ring that is
// in force. A failure is an answer, not an exception, so that nobody can take an error for a miss.

import { type Plan } from './ring/placement.ts'
import { type PairRecord } from './pairs/record.ts'
import { type Ring } from './ring/ring.ts'
import { type Version } from './pairs/version.ts'

/**
 * Why an operation has no answer. `unreachable`, `overloaded`, `not-replica` and `full`: nothing was done.
 * `timeout`: it may have been done, now or later. `recovering`: the replica has lost its memory; it did what
 * it was asked but must not be counted.
 */
export type FailureReason = 'unreachable' | 'overloaded' | 'timeout' | 'full' | 'recovering' | 'not-replica'

export interface Failed {
  readonly kind: 'failed'
  readonly reason: FailureReason
}
/**
 * The replica and the sender do not share a ring; the sender's has been brought up to date where it was the
 * older one.
 */
export interface Fenced {
  readonly kind: 'fenced'
}
export interface Found {
  readonly kind: 'found'
  readonly record: PairRecord
}
export interface Miss {
  readonly kind: 'miss'
}
export interface Stored {
  readonly kind: 'stored'
}
/** Nothing was stored: the replica holds something newer, of this version. */
export interface Stale {
  readonly kind: 'stale'
  readonly version: Version
}

export type GetResult = Found | Miss | Failed
export type MergeResult = Stored | Stale | Failed

export const MISS: Miss = { kind: 'miss' }
export const STORED: Stored = { kind: 'stored' }
export const FENCED: Fenced = { kind: 'fenced' }

const failures = new Map<FailureReason, Failed>()

/** The failure for a reason; one object each, since they are made in bursts. */
export function failed(reason: FailureReason): Failed {
  let failure = failures.get(reason)
  if (failure === undefined) failures.set(reason, (failure = { kind: 'failed', reason }))
  return failure
}

export interface Pair {
  readonly slot: number
  readonly key: string
  readonly record: PairRecord
}

/** Chooses slots; called once per slot and name, so it must be cheap. */
export type SlotFilter = (slot: number) => boolean

/** Runs a batch, or not. */
export type BatchGuard = <T>(batch: () => Promise<T>) => Promise<T | undefined>

/**
 * The pairs of one node. Records past their grace (`keepUntilMs`) count as absent, but for one that is
 * merged: that is kept for a full grace from then on (`keptRecord`). No method throws for anything that a
 * client or Memcached can do, but `scan` and `purge`, whose callers cannot go on without them.
 */
export interface Storage {
  /**
   * Which memory answers now: 0 while what was acknowledged may have been forgotten, else a number that
   * changes whenever that happened in between. An answer counts only if the number was the same before and
   * after.
   */
  readonly incarnation: number
  /**
   * Until when, by the clock on the wall, this node is sure to have or to get every tombstone that it missed;
   * 0 while nothing is sure.
   */
  readonly trustedUntilMs: number
  /** The record as stored, whether visible or not. */
  get(slot: number, key: string): Promise<GetResult>
  /**
   * Stores the record if it is newer than what is there or the same (`compareRecords`); never replaces a
   * newer one.
   */
  merge(slot: number, key: string, record: PairRecord): Promise<MergeResult>
  /**
   * Merges many pairs as `merge` does each; resolves when all have been, with the first failure if there was
   * one.
   */
  mergeAll(pairs: readonly Pair[]): Promise<Failed | undefined>
  /** Removes the record, if it still has this version. What went wrong, if anything did. */
  discard(slot: number, key: string, version: Version): Promise<Failed | undefined>
  /**
   * Every pair of the chosen slots that is there from beginning to end, each once; pairs that come or go
   * meanwhile may be missing. Tombstones are included. Batches are bounded; the consumer sets the pace.
   * Throws `KV_ERR_STORAGE`.
   */
  scan(slots: SlotFilter): AsyncIterable<readonly Pair[]>
  /**
   * Removes the pairs of the chosen slots and tells how many. Each batch is removed within a call of
   * `within`, where there is one; where that resolves with undefined, without having called back, nothing
   * more is removed. Throws `KV_ERR_STORAGE`.
   */
  purge(slots: SlotFilter, within?: BatchGuard): Promise<number>
  /** What an operator asks of a storage. Throws `KV_ERR_STORAGE` when it does not answer. */
  stats(): Promise<StorageStats>
  /** Looks for the sentinel again, after it was written. */
  recheck(): Promise<void>
  close(): Promise<void>
}

export interface StorageStats {
  readonly pairs: number
  readonly bytes: number
  readonly limitBytes: number
}

/**
 * The replicas of a cluster, this node's own among them. Every promise settles within a deadline and none
 * rejects. A node that has not answered of late may be called unreachable without being asked; with `insist`
 * it is asked.
 */
export interface Replicas {
  get(node: string, ring: Ring, slot: number, key: string, insist: boolean): Promise<GetResult | Fenced>
  merge(
    node: string,
    ring: Ring,
    slot: number,
    key: string,
    record: PairRecord,
    insist: boolean
  ): Promise<MergeResult | Fenced>
}

/** The ring that is in force at this process. */
export interface Plans {
  /** Throws `KV_ERR_NO_RING` where there is none. */
  plan(slot: number): Plan
}

/** What the ring record holds while the node fetches what it has forgotten: present, but no ring. */
export const RECOVERING_MARK = 'recovering'

/**
 * The ring as the storage keeps it, under the name `ring`, beside the pairs. It is the sentinel too: as it
 * goes when the storage comes back empty, its presence (with a ring in it, which begins with `{`) tells that
 * the pairs are still there. Every method throws `KV_ERR_STORAGE` when the storage does not answer.
 */
export interface RingRecord {
  read(): Promise<string | undefined>
  /** Writes the text only if there is none; false: there is. */
  add(text: string): Promise<boolean>
  /** Writes the text only if there is one; false: there is none, so what the storage held is forgotten. */
  replace(text: string): Promise<boolean>
  close(): void
}
