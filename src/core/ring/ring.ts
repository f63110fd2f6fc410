// The ring: which node sits at which tokens, how many replicas a key has, and, during a change, the tokens to
// come. Rings are ordered by (generation, epoch); two nodes with the same pair hold the same ring.

import { NODE_CHARS } from '../../limits.ts'

export interface RingId {
  /** The operator's seeding, milliseconds since 1970. */
  readonly generation: number
  /** Counts the changes since the seeding, which is 1. */
  readonly epoch: number
}

export interface Token {
  readonly position: number
  readonly node: string
}

export interface Ring extends RingId {
  /** How many replicas a key has, as long as there are as many nodes. */
  readonly replicas: number
  /** In ascending order of position; never empty, no position twice. */
  readonly tokens: readonly Token[]
  /** During a change: the tokens to come. */
  readonly next?: readonly Token[]
  /** During a change: the nodes that have yet to receive what they are due. */
  readonly pending?: readonly string[]
  /**
   * The epoch at which the ring got its shape, that is its tokens and its change; 1 where it is not told. A
   * ring that changes and changes back has its old tokens again and another shape: in between a node may have
   * purged what it now holds anew. During a change: the epoch at which that began.
   */
  readonly since?: number
  /**
   * During a change: members that are gone for good by the operator's word, and count in no quorum any more.
   */
  readonly gone?: readonly string[]
}

/** Negative, zero or positive as ring `a` is older than, the same as or newer than ring `b`. */
export function compareRings(a: RingId, b: RingId): number {
  return a.generation - b.generation || a.epoch - b.epoch
}

/** The nodes of the ring, those to come included and those that are gone left out; no node twice. */
export function nodesOf(ring: Ring): string[] {
  return [...new Set([...ring.tokens, ...(ring.next ?? [])].map(token => token.node))].filter(
    node => !isGone(ring, node)
  )
}

/** The nodes that have a present token and are not gone; no node twice. They decide on the next ring. */
export function membersOf(ring: Ring): string[] {
  return [...new Set(ring.tokens.map(token => token.node))].filter(node => !isGone(ring, node))
}

/** True if the node has a token, now or to come, and is not gone. */
export function namesNode(ring: Ring, node: string): boolean {
  return nodesOf(ring).includes(node)
}

/** True if the node is to receive slots in the change under way, and has not got them all. */
export function isReceiver(ring: Ring, node: string): boolean {
  return ring.pending?.includes(node) === true
}

/**
 * True if no ring of other tokens, or of another change, came between the two: what was copied by the one is
 * as good by the other.
 */
export function sameShape(a: Ring, b: Ring): boolean {
  return (
    a.generation === b.generation &&
    a.replicas === b.replicas &&
    (a.since ?? 1) === (b.since ?? 1) &&
    sameTokens(a.tokens, b.tokens) &&
    sameTokens(a.next ?? [], b.next ?? [])
  )
}

function isGone(ring: Ring, node: string): boolean {
  return ring.gone?.includes(node) ?? false
}

/** `host:port` with a plain host name, an IPv4 address or an IPv6 address in brackets, and a port. */
export function isNodeAddress(text: unknown): text is string {
  if (typeof text !== 'string' || text.length > NODE_CHARS) return false
  const match = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]{2,45}\]):([1-9][0-9]{0,4})$/i.exec(text)
  return match !== null && Number(match[1]) <= 65535
}

/**
 * Whether a node with ring `present` takes over ring `offered`. A newer generation only if it names the node,
 * or the node is no member of any ring: so that a node which was seeded into another cluster never drags this
 * one along.
 */
export function adopts(node: string, present: Ring | undefined, offered: Ring): boolean {
  if (present === undefined) return true
  if (compareRings(offered, present) <= 0) return false
  return offered.generation === present.generation || namesNode(offered, node) || !namesNode(present, node)
}

export function sameTokens(a: readonly Token[], b: readonly Token[]): boolean {
  return (
    a.length === b.length &&
    a.every((token, i) => token.position === b[i]?.position && token.node === b[i]?.node)
  )
}
