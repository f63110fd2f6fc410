// What a node must fetch from other replicas to have every acknowledged write: after it has forgotten its pairs, before it may
// count again; and now and then, for the writes that it missed.

import { type Holding } from './placement.ts'

/** What came of fetching from one node: its pairs, and whether it remembers everything itself; undefined: not all came. */
export type Fetched = { readonly remembers: boolean } | undefined

/**
 * True if what was fetched makes the holding complete. A write was acknowledged by Q of N replicas. A node that has forgotten may
 * have been one of them, so N - Q + 1 others that remember are sure to meet it; a write that it missed was acknowledged by Q
 * others, so N - Q of them are. Where fewer remember, all the others together have everything that is left; where there are none,
 * there is nothing to fetch.
 */
export function isComplete (holding: Holding, fetched: ReadonlyMap<string, Fetched>, forgotten: boolean): boolean {
  const replicas = holding.others.length + 1
  const quorum = Math.floor(replicas / 2) + 1
  const answers = holding.others.map(node => fetched.get(node))
  const remembering = answers.filter(answer => answer?.remembers === true).length
  return remembering >= replicas - quorum + (forgotten ? 1 : 0) || answers.every(answer => answer !== undefined)
}
