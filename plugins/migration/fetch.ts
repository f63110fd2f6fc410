// Fetches the pairs that this node holds from the other replicas and merges them: all of them when its storage has forgotten
// everything, and now and then for what it may have missed. Merging is idempotent, so an attempt that fails is simply begun again.

import { type FastifyInstance } from 'fastify'
import { PULL_IN_FLIGHT, PULL_STALL_MS } from '../../src/limits.ts'
import { createPairDecoder, type StreamEnd } from '../../src/core/pairstream.ts'
import { holdings } from '../../src/core/placement.ts'
import { type Pair } from '../../src/core/ports.ts'
import { isComplete, type Fetched } from '../../src/core/recovery.ts'
import { type Ring } from '../../src/core/ring.ts'

/**
 * Fetches everything that this node holds by `ring` from the other replicas; false: not enough of them answered. Where it has
 * `forgotten`, it first drops what is left: older than what was deleted since, it would come back.
 */
export type FetchPairs = (ring: Ring, forgotten: boolean) => Promise<boolean>

export function createFetch (app: FastifyInstance, headers: { readonly [name: string]: string }): FetchPairs {
  const { peers, storage, ring: { node }, log } = app

  async function merge (pairs: readonly Pair[]): Promise<void> {
    for (let i = 0; i < pairs.length; i += PULL_IN_FLIGHT) {
      const results = await Promise.all(pairs.slice(i, i + PULL_IN_FLIGHT).map(({ slot, key, record }) => storage.merge(slot, key, record)))
      const failure = results.find(result => result.kind === 'failed')
      if (failure !== undefined) throw new Error(`a pair could not be stored: ${failure.kind === 'failed' ? failure.reason : ''}`)
    }
  }

  async function pull (source: string, ring: Ring, ranges: ReadonlyArray<readonly [number, number]>): Promise<StreamEnd> {
    const channel = peers.channel(source)
    await channel.greet()
    const { statusCode, body } = await channel.pool.request({
      method: 'POST',
      path: '/internal/pull',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ generation: ring.generation, epoch: ring.epoch, ranges }),
      headersTimeout: PULL_STALL_MS,
      bodyTimeout: PULL_STALL_MS
    })
    if (statusCode !== 200) {
      await body.dump()
      throw new Error(`${source} answered ${statusCode}`)
    }
    const decoder = createPairDecoder()
    for await (const chunk of body) await merge(decoder.push(chunk as Buffer))
    return decoder.finish()
  }

  return async (ring, forgotten) => {
    const held = holdings(ring, node)
    const sources = [...new Set(held.flatMap(holding => holding.others))]
    if (forgotten && held.length > 0 && sources.length === 0) log.error('no other replica holds the pairs of this node; what was stored here is lost')
    if (forgotten && sources.length > 0) await storage.purge(() => true)
    const fetched = new Map<string, Fetched>()
    await Promise.all(sources.map(async source => {
      const ranges = held.filter(holding => holding.others.includes(source)).map(({ min, max }) => [min, max] as const)
      try {
        const end = await pull(source, ring, ranges)
        fetched.set(source, end)
        log.info({ source, pairs: end.pairs, remembers: end.remembers }, 'fetched the pairs of another replica')
      } catch (error) {
        log.warn({ source, err: error }, 'the pairs of another replica could not be fetched')
      }
    }))
    return held.every(holding => isComplete(holding, fetched, forgotten))
  }
}
