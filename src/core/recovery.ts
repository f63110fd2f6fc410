// What a node that has forgotten its pairs must fetch before it may count again: for each slot, the pairs of so many other
// replicas that every acknowledged write is among them.

import { type Holding } from './placement.ts'

/** What came of fetching from one node: its pairs, and whether it remembers everything itself; undefined: not all came. */
export type Fetched = { readonly remembers: boolean } | undefined

/**
 * True if what was fetched restores the holding. A write was acknowledged by Q of N replicas, so N - Q + 1 others that
 * remember are sure to meet it. Where fewer remember, all the others together have everything that is left; where there
 * are none, there is nothing to fetch.
 */
export function isRestored (holding: Holding, fetched: ReadonlyMap<string, Fetched>): boolean {
  const replicas = holding.others.length + 1
  const quorum = Math.floor(replicas / 2) + 1
  const answers = holding.others.map(node => fetched.get(node))
  const remembering = answers.filter(answer => answer?.remembers === true).length
  return remembering >= replicas - quorum + 1 || answers.every(answer => answer !== undefined)
}
