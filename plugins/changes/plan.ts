// What a change would move, without doing it.

import { SLOTS } from '../../src/limits.ts'
import { beginChange, type Change } from '../../src/core/change.ts'
import { moves, receiversOf, type Move } from '../../src/core/placement.ts'
import { tokenMap, type Ring } from '../../src/core/ring.ts'

export interface ChangePlan {
  readonly from: { readonly [position: string]: string }
  readonly to: { readonly [position: string]: string }
  /** The nodes that would hold slots which they do not hold now. */
  readonly receivers: readonly string[]
  /** Ranges of slots whose replicas would change. */
  readonly moves: readonly Move[]
  /** How many slots these are, and which share of all. */
  readonly slots: number
  readonly share: number
}

/** Throws what `beginChange` throws. */
export function planOf (ring: Ring, change: Change): ChangePlan {
  const after = beginChange(ring, change)
  const to = after.next ?? after.tokens
  const moved = moves(ring.tokens, to, ring.replicas)
  const slots = moved.reduce((sum, { min, max }) => sum + max - min + 1, 0)
  const receivers = after.next === undefined ? [] : receiversOf(after)
  return { from: tokenMap(ring.tokens), to: tokenMap(to), receivers, moves: moved, slots, share: slots / SLOTS }
}
