// What a change would move, without doing it; and where further tokens of a node even the shares out.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { SLOTS } from '../../src/limits.ts'
import { beginChange, type Change } from '../../src/core/ring/change.ts'
import { moves, receiversOf, type Move } from '../../src/core/ring/placement.ts'
import { type Ring, type Token } from '../../src/core/ring/ring.ts'
import { tokenMap } from '../../src/core/ring/ring-json.ts'
import { evenPositions, sharesOf } from '../../src/core/ring/shares.ts'
import { KvError } from '../../src/errors.ts'

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
  /** Which share of all slots each node would hold, replicas included. */
  readonly shares: { readonly [node: string]: number }
}

/** A plan whose positions were chosen by this node. */
export interface Offer extends ChangePlan {
  readonly positions: readonly number[]
}

/** Throws what `beginChange` throws. */
export function planOf(ring: Ring, change: Change): ChangePlan {
  const after = beginChange(ring, change)
  return describe(ring, after, after.next ?? after.tokens)
}

/**
 * Up to `count` further tokens of a node, at positions that even the shares out; to be added one after the
 * other. Other requests have their turns between two positions. Throws `KV_ERR_RING_CONFLICT`.
 */
export async function offer(ring: Ring, node: string, count: number): Promise<Offer> {
  const positions: number[] = []
  for (const position of evenPositions(ring.tokens, ring.replicas, node, count)) {
    positions.push(position)
    await nextTurn()
  }
  const [position] = positions
  if (position === undefined) throw new KvError('KV_ERR_RING_CONFLICT', 'every slot has a token')
  const after = beginChange(ring, { kind: 'add', position, node })
  const to = [...ring.tokens, ...positions.map(position => ({ position, node }))].sort(
    (a, b) => a.position - b.position
  )
  return { positions, ...describe(ring, { ...after, next: to }, to) }
}

function describe(ring: Ring, after: Ring, to: readonly Token[]): ChangePlan {
  const moved = moves(ring.tokens, to, ring.replicas)
  const slots = moved.reduce((sum, { min, max }) => sum + max - min + 1, 0)
  const receivers = after.next === undefined ? [] : receiversOf(after)
  const shares = Object.fromEntries(
    [...sharesOf(to, ring.replicas)].map(([node, held]) => [node, held / SLOTS])
  )
  return {
    from: tokenMap(ring.tokens),
    to: tokenMap(to),
    receivers,
    moves: moved,
    slots,
    share: slots / SLOTS,
    shares
  }
}
