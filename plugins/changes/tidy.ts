// Whether this node can become a receiver: another node asks before it proposes a change that makes it one.

import { setTimeout as pause } from 'node:timers/promises'
import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { RING_BYTES } from '../../src/limits.ts'
import { TIDY_ANSWER_MS, TIDY_POLL_MS } from './limits.ts'
import { compareRings, parseRing, ringToJson } from '../../src/core/ring.ts'
import { type Keeper } from '../ring/keeper.ts'

/** `ring`: a newer one, by which the change has to be planned again. `waitsFor`: the node may be asked again. */
export type TidyAnswer = { readonly tidy: true } | { readonly tidy: false, readonly ring: unknown } | { readonly tidy: false, readonly waitsFor: string }

export function tidyRoute (app: FastifyInstance, keeper: Keeper): void {
  app.post<{ Body: { ring?: unknown } | undefined }>('/internal/tidy', { bodyLimit: RING_BYTES }, async (request, reply) => {
    const asked = parseRing(JSON.stringify(request.body?.ring ?? null))
    await app.ring.install(asked)
    // A node of another cluster, whose ring is the newer one, has nothing to install; it would never take the ring that names it.
    if (app.ring.view?.ring.generation !== asked.generation) throw new KvError('KV_ERR_RING_CONFLICT', 'this node belongs to another ring')
    const endMs = performance.now() + TIDY_ANSWER_MS
    while (app.storage.memory === 0 || !await keeper.isTidy()) {
      const { ring } = app.ring.view
      if (compareRings(ring, asked) > 0) return reply.send({ tidy: false, ring: ringToJson(ring) })
      if (performance.now() > endMs) return reply.send({ tidy: false, waitsFor: 'this node has not yet recovered, or not yet purged what it held before' })
      await pause(TIDY_POLL_MS)
    }
    return reply.send({ tidy: true })
  })
}
