// Where the replicas of a slot are: preference lists after the Dynamo paper (DeCandia et al., 2007, sections 4.2 and
// 4.3), the quorum plan of a slot, and what moves between two rings.

import { SLOTS } from '../limits.ts'
import { namesNode, type Ring, type RingId, type Token } from './ring.ts'

export interface ReplicaSet {
  /** Indices into the plan's nodes. */
  readonly members: readonly number[]
  /** How many answers a read needs, and how many a write. */
  readonly read: number
  readonly write: number
}

/** How one slot is served: by a quorum of every set. One set in a stable ring, two while the slot may be moving. */
export interface Plan {
  readonly ring: RingId
  /** The owner comes first. */
  readonly nodes: readonly string[]
  readonly sets: readonly ReplicaSet[]
}

export interface Placement {
  readonly ring: Ring
  /** The node of the first token at or after the slot, by the present tokens. */
  owner (slot: number): string
  plan (slot: number): Plan
  /** True if the node holds a replica of the slot, in any set. */
  replicates (node: string, slot: number): boolean
}

/** The index of the first token at or after the slot, wrapping round to the lowest. */
export function tokenIndex (tokens: readonly Token[], slot: number): number {
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
export function preferenceList (tokens: readonly Token[], replicas: number, slot: number): string[] {
  const first = tokenIndex(tokens, slot)
  const nodes: string[] = []
  for (let i = 0; i < tokens.length && nodes.length < replicas; i++) {
    const { node } = tokens[(first + i) % tokens.length] as Token
    if (!nodes.includes(node)) nodes.push(node)
  }
  return nodes
}

/** The placement of a ring. Plans are made when first asked for, one for each arc between tokens. */
export function createPlacement (ring: Ring): Placement {
  const plans = new Array<Plan | undefined>(SLOTS)
  const arcs = new Map<string, Plan>()

  function plan (slot: number): Plan {
    let known = plans[slot]
    if (known === undefined) plans[slot] = known = planOfArc(slot)
    return known
  }

  function planOfArc (slot: number): Plan {
    const arc = `${tokenIndex(ring.tokens, slot)} ${ring.next === undefined ? '' : tokenIndex(ring.next, slot)}`
    let made = arcs.get(arc)
    if (made === undefined) arcs.set(arc, made = makePlan(ring, slot))
    return made
  }

  return {
    ring,
    plan,
    owner: slot => plan(slot).nodes[0] as string,
    replicates: (node, slot) => plan(slot).nodes.includes(node)
  }
}

function makePlan (ring: Ring, slot: number): Plan {
  const lists = [preferenceList(ring.tokens, ring.replicas, slot)]
  if (ring.next !== undefined) {
    const next = preferenceList(ring.next, ring.replicas, slot)
    if (!sameMembers(next, lists[0] as string[])) lists.push(next)
  }
  const nodes = [...new Set(lists.flat())]
  return {
    ring: { generation: ring.generation, epoch: ring.epoch },
    nodes,
    sets: lists.map(list => {
      const majority = Math.floor(list.length / 2) + 1
      return { members: list.map(node => nodes.indexOf(node)), read: majority, write: majority }
    })
  }
}

/** A plan with other quorums than majorities. Quorums larger than a set are capped by it. */
export function withQuorums (plan: Plan, read: number | undefined, write: number | undefined): Plan {
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
export function moves (from: readonly Token[], to: readonly Token[], replicas: number): Move[] {
  return arcsOf([...from, ...to])
    .map(([min, max]) => ({ min, max, from: preferenceList(from, replicas, min), to: preferenceList(to, replicas, min) }))
    .filter(move => !sameMembers(move.from, move.to))
}

/** Slots `min` to `max`, both included, that a node holds, and the nodes that hold them with it. */
export interface Holding {
  readonly min: number
  readonly max: number
  readonly others: readonly string[]
}

/** Everything that a member holds by the present tokens, in ascending order of slots. */
export function holdings (ring: Ring, node: string): Holding[] {
  if (!namesNode(ring, node)) return []
  return arcsOf(ring.tokens)
    .map(([min, max]) => ({ min, max, list: preferenceList(ring.tokens, ring.replicas, min) }))
    .filter(arc => arc.list.includes(node))
    .map(({ min, max, list }) => ({ min, max, others: list.filter(other => other !== node) }))
}

/** The ranges of slots that no token divides; the one that wraps round appears as two. */
function arcsOf (tokens: readonly Token[]): Array<[min: number, max: number]> {
  const ends = [...new Set([...tokens.map(token => token.position), SLOTS - 1])].sort((a, b) => a - b)
  return ends.map((end, i) => [i === 0 ? 0 : ends[i - 1] as number + 1, end])
}

function sameMembers (a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every(node => b.includes(node))
}
