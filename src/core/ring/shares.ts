// How evenly a ring shares out its slots, and where further tokens of a node make it more even. The choice is
// greedy, as tokens that are there stay where they are.

import { SLOTS } from '../../limits.ts'
import { preferenceList } from './placement.ts'
import { type Token } from './ring.ts'

/**
 * The slots `min` to `max` that end at a token, and their holders, the token's node first. On the way round
 * `max` lies beyond the last slot.
 */
interface Arc {
  readonly min: number
  readonly max: number
  readonly nodes: readonly string[]
}

/** Tokens of a node that are chosen by the shares. */
const FEW = 32

/** How many arcs are looked at for a token, and how many places in each. */
const ARCS = 32
const PLACES = 8

/**
 * What the node's own share counts beside each other one's, times the nodes of the ring: chosen by trial, on
 * rings of 5 to 100 nodes.
 */
const OWN_WEIGHT = 0.1

/** How many slots each node holds, replicas included. */
export function sharesOf(tokens: readonly Token[], replicas: number): Map<string, number> {
  return sharesOfArcs(arcsOf(tokens, replicas))
}

function sharesOfArcs(arcs: readonly Arc[]): Map<string, number> {
  const shares = new Map<string, number>()
  for (const { min, max, nodes } of arcs) {
    for (const node of nodes) shares.set(node, (shares.get(node) ?? 0) + max - min + 1)
  }
  return shares
}

/**
 * Positions for `count` further tokens of a node, to be added one after the other; fewer where the slots run
 * out. In a large ring each is work for as long as nobody should wait for all of them at once. With few
 * tokens a node each is chosen by what it does to the shares; with many that leads nowhere, as a token takes
 * more than its part, and the middles of the widest arcs even the shares out.
 */
export function* evenPositions(
  tokens: readonly Token[],
  replicas: number,
  node: string,
  count: number
): Generator<number, void> {
  const isFew = count + tokens.filter(token => token.node === node).length <= FEW
  let present = tokens
  for (let left = count; left > 0 && present.length < SLOTS; left--) {
    const position =
      present.length === 0 ? SLOTS - 1 : isFew ? byShares(present, replicas, node, left) : byWidth(present)
    yield position
    present = [...present, { position, node }].sort((a, b) => a.position - b.position)
  }
}

/** The middle of the widest arc. */
function byWidth(tokens: readonly Token[]): number {
  const [{ min, max }] = arcsOf(tokens, 1).sort((a, b) => b.max - b.min - (a.max - a.min)) as [Arc]
  return Math.floor((min + max - 1) / 2) % SLOTS
}

/**
 * Among places in the arcs that burden the fullest nodes, the one that leaves the shares nearest to what they
 * should be.
 */
function byShares(tokens: readonly Token[], wantedReplicas: number, node: string, left: number): number {
  const nodes = new Set([...tokens.map(token => token.node), node]).size
  // While every node holds everything, who comes first is shared out, for the nodes that are to come.
  const replicas = nodes > wantedReplicas ? wantedReplicas : 1
  const arcs = arcsOf(tokens, replicas)
  const shares = sharesOfArcs(arcs)
  const mean = (SLOTS * replicas) / nodes
  const own = shares.get(node) ?? 0
  // The tokens that are still to come take their parts.
  const wanted = own + (mean - own) / left
  // Of the others only those count that hold too much: a node can take, not give.
  const unevenness = (of: string, share: number): number =>
    of === node ? OWN_WEIGHT * nodes * (share - wanted) ** 2 : Math.max(0, share - mean) ** 2

  let best = { place: -1, gained: -Infinity }
  for (const { index, place } of placesIn(arcs, node, shares)) {
    let gained = 0
    for (const [of, more] of changes(arcs, { node, index, place }, replicas)) {
      const share = shares.get(of) ?? 0
      gained += unevenness(of, share) - unevenness(of, share + more)
    }
    if (gained > best.gained) best = { place, gained }
  }
  return best.place % SLOTS
}

/** Free places in the arcs whose holders have most to hand over. */
function placesIn(
  arcs: readonly Arc[],
  node: string,
  shares: ReadonlyMap<string, number>
): Array<{ readonly index: number; readonly place: number }> {
  const burden = ({ min, max, nodes }: Arc) =>
    (max - min) * nodes.reduce((sum, holder) => sum + (holder === node ? 0 : (shares.get(holder) ?? 0)), 0)
  const burdened = arcs
    .map((arc, index) => ({ ...arc, index, burden: burden(arc) }))
    .filter(({ min, max }) => max > min)
  return burdened
    .sort((a, b) => b.burden - a.burden)
    .slice(0, ARCS)
    .flatMap(({ min, max, index }) => {
      const step = Math.max(1, (max - min) / PLACES)
      return Array.from({ length: Math.floor((max - min) / step) }, (_, i) => ({
        index,
        place: Math.floor(min + (i + 0.5) * step)
      }))
    })
}

/**
 * How the shares change with a token of `node` at `place`, in the arc of that index. The node becomes a
 * holder of that arc's slots up to the place, and of those of the arcs before, as far back as fewer than
 * `replicas` nodes are met on the way to it; the last holder makes room. There are at least `replicas` nodes.
 */
function changes(
  arcs: readonly Arc[],
  { node, index, place }: { readonly node: string; readonly index: number; readonly place: number },
  replicas: number
): Map<string, number> {
  const more = new Map<string, number>()
  const met = new Set<string>()
  for (let back = 0; back < arcs.length; back++) {
    const { min, max, nodes } = arcs[(index - back + arcs.length) % arcs.length] as Arc
    if (back > 0) met.add(nodes[0] as string)
    if (met.size >= replicas) break
    if (nodes.includes(node)) continue
    const slots = (back === 0 ? place : max) - min + 1
    more.set(node, (more.get(node) ?? 0) + slots)
    const last = nodes.at(-1) as string
    more.set(last, (more.get(last) ?? 0) - slots)
  }
  return more
}

function arcsOf(tokens: readonly Token[], replicas: number): Arc[] {
  return tokens.map(({ position }, i) => {
    const nodes = preferenceList(tokens, replicas, position)
    if (i > 0) return { min: (tokens[i - 1] as Token).position + 1, max: position, nodes }
    return { min: (tokens.at(-1) as Token).position + 1, max: position + SLOTS, nodes }
  })
}
