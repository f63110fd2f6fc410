// Seeding: the ring that an operator gives to nodes.

import { KvError } from '../../errors.ts'
import { REPLICAS_LIMIT } from '../../limits.ts'
import { type Token, type Ring, isNodeAddress, sameTokens } from './ring.ts'
import { GENERATION_LIMIT, checkTokens, checkPosition, parseObject, integer, invalid } from './ring-json.ts'

export interface Seed {
  readonly tokens: readonly Token[]
  readonly replicas: number
  readonly generation: number | undefined
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
