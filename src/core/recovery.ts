// What a node must fetch from other replicas to have every acknowledged write: after it has forgotten its pairs, before it may
// count again; and now and then, for the writes that it missed.

import { majority, type Holding } from './placement.ts'

/** What came of fetching from one node: its pairs, and whether it remembers everything itself; undefined: not all came. */
export type Fetched = { readonly remembers: boolean } | undefined

/**
 * How many other replicas that remember must be fetched from, to have every acknowledged write. Such a write is at Q of N replicas. A
 * node that has forgotten may have been one of them, and so may one that is gone, or one that is no replica yet have been none;
 * N - Q + 1 others are sure to meet it. What a replica missed was acknowledged by Q others, so N - Q of them are.
 */
export function sourcesNeeded ({ replicas, present }: Holding, forgotten: boolean): number {
  return replicas - majority(replicas) + (present && !forgotten ? 0 : 1)
}

function countRemembering ({ others }: Holding, fetched: ReadonlyMap<string, Fetched>): number {
  return others.filter(node => fetched.get(node)?.remembers === true).length
}

/** True if those that were fetched from and remember have every acknowledged write among them. */
export function areEnough (holding: Holding, fetched: ReadonlyMap<string, Fetched>, forgotten: boolean): boolean {
  return countRemembering(holding, fetched) >= sourcesNeeded(holding, forgotten)
}

/**
 * True if what was fetched makes the holding of a replica complete. Where fewer others remember than it takes, all of them together
 * have everything that is left; where there are none, there is nothing to fetch.
 */
export function isComplete (holding: Holding, fetched: ReadonlyMap<string, Fetched>, forgotten: boolean): boolean {
  return areEnough(holding, fetched, forgotten) || holding.others.every(node => fetched.get(node) !== undefined)
}

/** True if what was fetched makes what a receiver is due complete: a source that has forgotten is waited for, until it has recovered. */
export function isReceived (holding: Holding, fetched: ReadonlyMap<string, Fetched>): boolean {
  return countRemembering(holding, fetched) >= Math.min(sourcesNeeded(holding, false), holding.others.length)
}
