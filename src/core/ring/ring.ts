// The ring: which node sits at which tokens, how many replicas a key has, and, during a change, the tokens to
// come. Rings are ordered by (generation, epoch); two nodes with the same pair hold the same ring.

import { KvError } from '../../errors.ts'
import { NODE_CHARS, REPLICAS_LIMIT, SLOTS } from '../../limits.ts'

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

/** The shape of `GET /hash_ring`, of the ring file and of rings between nodes. */
export interface RingJson {
  ring: { [position: string]: string }
  _sorted_keys: number[]
  generation: number
  epoch: number
  replicas: number
  next?: { [position: string]: string }
  pending?: string[]
  since?: number
  gone?: string[]
}

export interface Seed {
  readonly tokens: readonly Token[]
  readonly replicas: number
  readonly generation: number | undefined
}

const GENERATION_LIMIT = 2 ** 48
const EPOCH_LIMIT = 2 ** 32

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

export function ringToJson(ring: Ring): RingJson {
  return {
    ring: tokenMap(ring.tokens),
    _sorted_keys: ring.tokens.map(token => token.position),
    generation: ring.generation,
    epoch: ring.epoch,
    replicas: ring.replicas,
    ...(ring.next && { next: tokenMap(ring.next) }),
    ...(ring.pending && { pending: [...ring.pending] }),
    ...(ring.since !== undefined && { since: ring.since }),
    ...(ring.gone && { gone: [...ring.gone] })
  }
}

/** The ring that `text`, JSON as `ringToJson` makes it, spells. Throws `KV_ERR_RING_INVALID`. */
export function parseRing(text: string): Ring {
  const json = parseObject(text)
  const ring = {
    generation: integer(json, 'generation', 1, GENERATION_LIMIT - 1),
    epoch: integer(json, 'epoch', 1, EPOCH_LIMIT - 1),
    replicas: integer(json, 'replicas', 1, REPLICAS_LIMIT),
    tokens: tokensFromMap(json.ring)
  }
  return { ...ring, ...parseChange(json, ring) }
}

/** What a ring says of its shape, and of the change that it is in; no change for a stable one. */
function parseChange(json: Record<string, unknown>, { tokens, epoch }: Ring): Partial<Ring> {
  const { next, pending, since, gone } = json
  const began = since === undefined ? {} : { since: integer(json, 'since', 1, epoch) }
  if (next === undefined && pending === undefined && gone === undefined) return began
  if (next === undefined || pending === undefined || since === undefined) {
    throw invalid('next, pending and since come together')
  }
  const to = tokensFromMap(next)
  return {
    ...began,
    next: to,
    pending: nodesAmong(pending, to, 'pending'),
    ...(gone !== undefined && { gone: nodesAmong(gone, tokens, 'gone') })
  }
}

function nodesAmong(list: unknown, tokens: readonly Token[], name: string): string[] {
  const among = (node: unknown) => tokens.some(token => token.node === node)
  if (!Array.isArray(list) || list.length === 0 || new Set(list).size < list.length || !list.every(among)) {
    throw invalid(`${name} is a list of nodes of the ring`)
  }
  return list
}

/**
 * The operator's seed, `{"nodes": [{"ip": "host:port", "key": 3000}, ...], "replicas"?: N, "generation"?:
 * ms}`. Throws `KV_ERR_RING_INVALID` with what is wrong.
 */
export function parseSeed(text: string, defaultReplicas: number): Seed {
  const json = parseObject(text)
  if (!Array.isArray(json.nodes)) throw invalid('nodes is a list')
  const tokens = json.nodes.map((entry: unknown): Token => {
    const { ip, key } = (entry ?? {}) as { ip?: unknown; key?: unknown }
    if (!isNodeAddress(ip)) throw invalid('ip is host:port')
    return { position: checkPosition(key), node: ip }
  })
  return {
    tokens: checkTokens(tokens),
    replicas: json.replicas === undefined ? defaultReplicas : integer(json, 'replicas', 1, REPLICAS_LIMIT),
    generation:
      json.generation === undefined ? undefined : integer(json, 'generation', 1, GENERATION_LIMIT - 1)
  }
}

/**
 * What seeding makes of the present ring: a ring of a new generation, or the present one where the seed asks
 * for nothing new. Throws `KV_ERR_RING_CONFLICT` for a generation that is older, or taken by another ring,
 * and when none is left.
 */
export function applySeed(present: Ring | undefined, seed: Seed, nowMs: number): Ring {
  const same =
    present !== undefined &&
    present.next === undefined &&
    present.replicas === seed.replicas &&
    sameTokens(present.tokens, seed.tokens)
  if (seed.generation === undefined) {
    if (same) return present
    const generation = Math.max(nowMs, (present?.generation ?? 0) + 1)
    if (generation >= GENERATION_LIMIT) {
      throw new KvError('KV_ERR_RING_CONFLICT', 'this node has the last generation that there is')
    }
    return { generation, epoch: 1, replicas: seed.replicas, tokens: seed.tokens }
  }
  if (present !== undefined && seed.generation <= present.generation) {
    if (same && seed.generation === present.generation) return present
    throw new KvError(
      'KV_ERR_RING_CONFLICT',
      `this node has generation ${present.generation}, and ${seed.generation} is not newer`
    )
  }
  return { generation: seed.generation, epoch: 1, replicas: seed.replicas, tokens: seed.tokens }
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

/** Tokens as a JSON object: position to node. */
export function tokenMap(tokens: readonly Token[]): { [position: string]: string } {
  return Object.fromEntries(tokens.map(token => [token.position, token.node]))
}

function tokensFromMap(map: unknown): readonly Token[] {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw invalid('a ring is an object of tokens')
  }
  return checkTokens(
    Object.entries(map).map(([position, node]): Token => {
      if (!isNodeAddress(node)) throw invalid('a node is host:port')
      return { position: checkPosition(/^[0-9]+$/.test(position) ? Number(position) : undefined), node }
    })
  )
}

function checkTokens(tokens: Token[]): readonly Token[] {
  if (tokens.length === 0) throw invalid('a ring has at least one token')
  tokens.sort((a, b) => a.position - b.position)
  if (tokens.some((token, i) => token.position === tokens[i + 1]?.position)) {
    throw invalid('two tokens at one position')
  }
  return tokens
}

/** The position itself. Throws `KV_ERR_RING_INVALID`. */
export function checkPosition(position: unknown): number {
  if (!Number.isInteger(position) || (position as number) < 0 || (position as number) >= SLOTS) {
    throw invalid(`a token is a whole number from 0 to ${SLOTS - 1}`)
  }
  return position as number
}

function parseObject(text: string): Record<string, unknown> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw invalid('it is not JSON')
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalid('it is not a JSON object')
  }
  return json as Record<string, unknown>
}

function integer(json: Record<string, unknown>, name: string, min: number, max: number): number {
  const value = json[name]
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalid(`${name} is a whole number from ${min} to ${max}`)
  }
  return value as number
}

function invalid(what: string): KvError {
  return new KvError('KV_ERR_RING_INVALID', `the ring is not valid: ${what}`)
}
