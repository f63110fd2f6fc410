// What a node must fetch from other replicas to have every acknowledged write: after it has forgotten its
// pairs, before it may count again; and now and then, for the writes that it missed.

import { majority, type Holding } from '../ring/placement.ts'

/**
 * What came of fetching from one node: its pairs, and whether it remembers everything itself; undefined: not
 * all came.
 */
export type Fetched = { readonly remembers: boolean } | undefined

/**
 * How many other replicas that remember must be fetched from, to have every acknowledged write. Such a write
 * is at Q of N replicas. A node that has forgotten may have been one of them, and so may one that is gone, or
 * one that is no replica yet have been none; N - Q + 1 others are sure to meet it. What a replica missed was
 * acknowledged by Q others, so N - Q of them are.
 */
export function sourcesNeeded({ replicas, present }: Holding, forgotten: boolean): number {
  return replicas - majority(replicas) + (present && !forgotten ? 0 : 1)
}

function countRemembering({ others }: Holding, fetched: ReadonlyMap<string, Fetched>): number {
  return others.filter(node => fetched.get(node)?.remembers === true).length
}

/**
 * True if those that were fetched from and remember have every acknowledged write among them: a replica that
 * has forgotten needs nothing else.
 */
export function hasAllOfOthers(holding: Holding, fetched: ReadonlyMap<string, Fetched>): boolean {
  return countRemembering(holding, fetched) >= sourcesNeeded(holding, true)
}

/**
 * True if a replica that has forgotten got everything that is left: all others gave what they have, and fewer
 * remember than have every acknowledged write. Once more of them do, it is to begin anew without what is left
 * here, which may have been deleted.
 */
export function hasAllThereIs(holding: Holding, fetched: ReadonlyMap<string, Fetched>): boolean {
  return isFetchedFromAll(holding, fetched) && !hasAllOfOthers(holding, fetched)
}

/**
 * True if a replica that remembers got every write that it may have missed. Where fewer others remember than
 * it takes, all of them together have what is left.
 */
export function isComplete(holding: Holding, fetched: ReadonlyMap<string, Fetched>): boolean {
  return (
    countRemembering(holding, fetched) >= sourcesNeeded(holding, false) || isFetchedFromAll(holding, fetched)
  )
}

function isFetchedFromAll({ others }: Holding, fetched: ReadonlyMap<string, Fetched>): boolean {
  return others.every(node => fetched.get(node) !== undefined)
}

/**
 * True if what was fetched makes what a receiver is due complete: a source that has forgotten is waited for,
 * until it has recovered.
 */
export function isReceived(holding: Holding, fetched: ReadonlyMap<string, Fetched>): boolean {
  return countRemembering(holding, fetched) >= Math.min(sourcesNeeded(holding, false), holding.others.length)
}
