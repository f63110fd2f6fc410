// What a node must fetch from other replicas to have every acknowledged write: after it has forgotten its
// pairs, before it may count again; and now and then, for the writes that it missed.

import { majority, type Holding } from '../ring/placement.ts'

/**
 * What came of fetching from one node: its pairs, and whether it remembers everything itself; undefined: not
 * all came.
 */
export type Fetched = { readonly remembers: boolean } | undefined

/**
 * How many other replicas that remember must be fetched from, to have every acknowledged write. An
 * acknowledged write is at Q of N replicas. If this node forgot, it may be one of the Q; if it is no replica
 * yet, all N are others. Either way up to N - Q others lack the write, and of any N - Q + 1 at least one has
 * it. If this node is a replica that remembers and missed the write, Q others acknowledged it, and of any N -
 * Q others at least one has it.
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
 * True if a replica that has forgotten got everything that is left: all others gave what they have, and too
 * few of them remember to have every acknowledged write. If enough turn out to remember, it has to begin anew
 * and drop what is left here, which may have been deleted.
 */
export function hasAllThereIs(holding: Holding, fetched: ReadonlyMap<string, Fetched>): boolean {
  return isFetchedFromAll(holding, fetched) && !hasAllOfOthers(holding, fetched)
}

/**
 * True if a replica that remembers got every write that it may have missed. If too few others remember, it
 * needs all of them: together they have what is left.
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
