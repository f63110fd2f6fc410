// What a node may have forgotten, as rings tell it.

import { canMissWrites } from '../core/ring/sentinel.ts'
import { namesNode, type Ring } from '../core/ring/ring.ts'

/**
 * True if `newer` makes the node a member by the operator's word. Then only the others can tell whether it
 * has forgotten anything.
 */
export function asksIfNew(node: string, before: Ring | undefined, newer: Ring, seeded: boolean): boolean {
  return namesNode(newer, node) && (before === undefined || (seeded && !namesNode(before, node)))
}

/**
 * True if nothing that the node holds was ever acknowledged by it as a member of `newer`, or, where it
 * `hadNothing`, of the ring before.
 */
export function hasNothing(
  node: string,
  before: Ring | undefined,
  newer: Ring,
  hadNothing: boolean
): boolean {
  return !namesNode(newer, node) || (before !== undefined && (!namesNode(before, node) || hadNothing))
}

/**
 * True if the node has every write up to `newer`: as long as each needed this node it missed none, and the
 * members cannot have gone on from there without it.
 */
export function missedNothing(node: string, ring: Ring, newer: Ring, seeded: boolean): boolean {
  return namesNode(ring, node) && !canMissWrites(ring) && (seeded || follows(newer, ring))
}

/** True if the ring came about in one step from the other. */
function follows(newer: Ring, ring: Ring): boolean {
  return newer.generation === ring.generation && newer.epoch === ring.epoch + 1
}
