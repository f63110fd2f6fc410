// Rings as JSON: of `GET /hash_ring`, of the ring file and between nodes. Whatever comes from outside is
// checked here.

import { KvError } from '../../errors.ts'
import { REPLICAS_LIMIT, SLOTS } from '../../limits.ts'
import { type Token, type Ring, isNodeAddress } from './ring.ts'

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

export const GENERATION_LIMIT = 2 ** 48

export const EPOCH_LIMIT = 2 ** 32

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
  return ringFromJson(parseObject(text))
}

/** The ring that a value as `ringToJson` makes it tells. Throws `KV_ERR_RING_INVALID`. */
export function ringFromJson(value: unknown): Ring {
  const json = object(value)
  const ring = {
    generation: integer(json, 'generation', 1, GENERATION_LIMIT - 1),
    epoch: integer(json, 'epoch', 1, EPOCH_LIMIT - 1),
    replicas: integer(json, 'replicas', 1, REPLICAS_LIMIT),
    tokens: tokensFromMap(json.ring)
  }
  return { ...ring, ...parseChange(json, ring) }
}

/** What a ring says of its shape, and of the change that it is in; no change for a stable one. */
export function parseChange(json: Record<string, unknown>, { tokens, epoch }: Ring): Partial<Ring> {
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

export function nodesAmong(list: unknown, tokens: readonly Token[], name: string): string[] {
  const among = (node: unknown) => tokens.some(token => token.node === node)
  if (!Array.isArray(list) || list.length === 0 || new Set(list).size < list.length || !list.every(among)) {
    throw invalid(`${name} is a list of nodes of the ring`)
  }
  return list
}

/** Tokens as a JSON object: position to node. */
export function tokenMap(tokens: readonly Token[]): { [position: string]: string } {
  return Object.fromEntries(tokens.map(token => [token.position, token.node]))
}

export function tokensFromMap(map: unknown): readonly Token[] {
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

export function checkTokens(tokens: Token[]): readonly Token[] {
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

export function parseObject(text: string): Record<string, unknown> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw invalid('it is not JSON')
  }
  return object(json)
}

function object(json: unknown): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalid('it is not a JSON object')
  }
  return json as Record<string, unknown>
}

export function integer(json: Record<string, unknown>, name: string, min: number, max: number): number {
  const value = json[name]
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw invalid(`${name} is a whole number from ${min} to ${max}`)
  }
  return value as number
}

export function invalid(what: string): KvError {
  return new KvError('KV_ERR_RING_INVALID', `the ring is not valid: ${what}`)
}
