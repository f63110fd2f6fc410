// Where the replicas of a slot are: preference lists after the Dynamo paper (DeCandia et al., 2007, sections
// 4.2 and 4.3), the quorum plan of a slot, and what moves between two rings.

import { SLOTS } from '../../limits.ts'
import { namesNode, nodesOf, type Ring, type Token } from './ring.ts'

export interface ReplicaSet {
  /** Indices into the plan's nodes. */
  readonly members: readonly number[]
  /** How many answers a read needs, and how many a write. */
  readonly read: number
  readonly write: number
}

/**
 * How one slot is served: by a quorum of every set. One set in a stable ring, two while the slot may be
 * moving.
 */
export interface Plan {
  readonly ring: Ring
  /** The owner comes first. */
  readonly nodes: readonly string[]
  readonly sets: readonly ReplicaSet[]
  /**
   * So many members of the first set, at least, hold an acknowledged write or something newer, though it was
   * acknowledged under an earlier ring. Of a second set nothing is known: it is yet to receive what is older
   * than the change.
   */
  readonly kept: number
}

export interface Placement {
  readonly ring: Ring
  /** The node of the first token at or after the slot, by the present tokens. */
  owner(slot: number): string
  plan(slot: number): Plan
  /** True if the node holds a replica of the slot, in any set. */
  replicates(node: string, slot: number): boolean
}

/** The index of the first token at or after the slot, wrapping round to the lowest. */
export function tokenIndex(tokens: readonly Token[], slot: number): number {
  let low = 0
  let high = tokens.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((tokens[middle] as Token).position < slot) low = middle + 1
    else high = middle
  }
  return low === tokens.length ? 0 : low
}

/** The first `replicas` distinct nodes met clockwise from the slot; fewer where there are not as many. */
export function preferenceList(tokens: readonly Token[], replicas: number, slot: number): string[] {
  const first = tokenIndex(tokens, slot)
  const nodes: string[] = []
  for (let i = 0; i < tokens.length && nodes.length < replicas; i++) {
    const { node } = tokens[(first + i) % tokens.length] as Token
    if (!nodes.includes(node)) nodes.push(node)
  }
  return nodes
}

/** The placement of a ring. Plans are made when first asked for, one for each arc between tokens. */
export function createPlacement(ring: Ring): Placement {
  const plans = new Array<Plan | undefined>(SLOTS)
  const arcs = new Map<string, Plan>()

  function plan(slot: number): Plan {
    let known = plans[slot]
    if (known === undefined) plans[slot] = known = planOfArc(slot)
    return known
  }

  function planOfArc(slot: number): Plan {
    const arc =
      `${tokenIndex(ring.tokens, slot)} ` + `${ring.next === undefined ? '' : tokenIndex(ring.next, slot)}`
    let made = arcs.get(arc)
    if (made === undefined) arcs.set(arc, (made = makePlan(ring, slot)))
    return made
  }

  return {
    ring,
    plan,
    owner: slot => plan(slot).nodes[0] as string,
    replicates: (node, slot) => plan(slot).nodes.includes(node)
  }
}

function makePlan(ring: Ring, slot: number): Plan {
  const all = preferenceList(ring.tokens, ring.replicas, slot)
  const left = presentList(ring, slot)
  // While one is gone, a majority of the others meets every quorum of all; of five with two gone it takes all
  // three.
  const meeting = Math.min(left.length, all.length - majority(all.length) + 1)
  const sets = [{ list: left, quorum: Math.max(majority(left.length), meeting) }]
  if (ring.next !== undefined) {
    const next = preferenceList(ring.next, ring.replicas, slot)
    if (!sameMembers(next, left)) sets.push({ list: next, quorum: majority(next.length) })
  }
  // Where all replicas are gone, only those to come are left.
  if (left.length === 0) sets.shift()
  // Those that are gone may have been part of the majority.
  const kept = Math.max(0, majority(all.length) - (all.length - left.length))
  const nodes = [...new Set(sets.flatMap(({ list }) => list))]
  return {
    ring,
    nodes,
    sets: sets.map(({ list, quorum }) => ({
      members: list.map(node => nodes.indexOf(node)),
      read: quorum,
      write: quorum
    })),
    kept
  }
}

/** How many of so many replicas make a quorum, for reads and for writes. */
export function majority(replicas: number): number {
  return Math.floor(replicas / 2) + 1
}

/** The replicas by the present tokens that are not gone. */
function presentList(ring: Ring, slot: number): string[] {
  return preferenceList(ring.tokens, ring.replicas, slot).filter(node => !ring.gone?.includes(node))
}

/** A plan with other quorums than majorities. Quorums larger than a set are capped by it. */
export function withQuorums(plan: Plan, read: number | undefined, write: number | undefined): Plan {
  if (read === undefined && write === undefined) return plan
  return {
    ...plan,
    sets: plan.sets.map(set => ({
      members: set.members,
      read: Math.min(read ?? set.read, set.members.length),
      write: Math.min(write ?? set.write, set.members.length)
    }))
  }
}

/** Slots `min` to `max`, both included, whose replicas differ between two rings. */
export interface Move {
  readonly min: number
  readonly max: number
  readonly from: readonly string[]
  readonly to: readonly string[]
}

/** What moves between two sets of tokens, in ascending order of slots. */
export function moves(from: readonly Token[], to: readonly Token[], replicas: number): Move[] {
  return arcsOf([...from, ...to])
    .map(([min, max]) => ({
      min,
      max,
      from: preferenceList(from, replicas, min),
      to: preferenceList(to, replicas, min)
    }))
    .filter(move => !sameMembers(move.from, move.to))
}

/** Slots `min` to `max`, both included, of which a node holds a replica, now or to come. */
export interface Holding {
  readonly min: number
  readonly max: number
  /** The other nodes that hold these slots by the present tokens and are not gone. */
  readonly others: readonly string[]
  /** How many replicas the slots have by the present tokens, those that are gone included. */
  readonly replicas: number
  /** True if the node is one of them; false: it is only to become one. */
  readonly present: boolean
}

/** Everything that a node holds or is due to hold, in ascending order of slots. */
export function holdings(ring: Ring, node: string): Holding[] {
  if (!namesNode(ring, node)) return []
  return arcsOf([...ring.tokens, ...(ring.next ?? [])]).flatMap(([min, max]) => {
    const all = preferenceList(ring.tokens, ring.replicas, min)
    const present = all.includes(node)
    if (
      !present &&
      !(ring.next !== undefined && preferenceList(ring.next, ring.replicas, min).includes(node))
    ) {
      return []
    }
    return [
      {
        min,
        max,
        others: presentList(ring, min).filter(other => other !== node),
        replicas: all.length,
        present
      }
    ]
  })
}

/**
 * What a node has to fetch in the change of `ring`: the slots that it does not hold now; and all of them,
 * where so few replicas stay that a write of now would not be at a quorum of those to come. Three become two:
 * a write is at A and C; C leaves; then A may leave too, as B is enough by itself, but has to have it.
 */
export function dueTo(ring: Ring, node: string): Holding[] {
  const now = copies(ring.tokens, ring.replicas)
  const then = copies(ring.next ?? ring.tokens, ring.replicas)
  const areTooFew = majority(now) - (now - then) < majority(then)
  const stays = ring.next?.some(token => token.node === node) ?? false
  return holdings(ring, node).filter(({ present }) => !present || (areTooFew && stays))
}

/** The nodes that have something to fetch in the change of `ring`, in order of their names. */
export function receiversOf(ring: Ring): string[] {
  return nodesOf(ring)
    .filter(node => dueTo(ring, node).length > 0)
    .sort()
}

/** How many replicas every slot has. */
function copies(tokens: readonly Token[], replicas: number): number {
  return Math.min(replicas, new Set(tokens.map(token => token.node)).size)
}

/** The ranges of slots that no token divides; the one that wraps round appears as two. */
function arcsOf(tokens: readonly Token[]): Array<[min: number, max: number]> {
  const ends = [...new Set([...tokens.map(token => token.position), SLOTS - 1])].sort((a, b) => a - b)
  return ends.map((end, i) => [i === 0 ? 0 : (ends[i - 1] as number) + 1, end])
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every(node => b.includes(node))
}
