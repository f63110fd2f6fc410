// Whether this node can become a receiver: another node asks before it proposes a change that makes it one.

import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { RING_BYTES } from '../../src/limits.ts'
import { TIDY_ANSWER_MS, TIDY_POLL_MS } from './limits.ts'
import { pause, TIMERS } from '../../src/core/quorum/deadline.ts'
import { compareRings, type Ring } from '../../src/core/ring/ring.ts'
import { ringFromJson, ringToJson } from '../../src/core/ring/ring-json.ts'
import { type Keeper } from '../../src/keeper/keeper.ts'

/**
 * `ring`: a newer one, by which the change has to be planned again. `waitsFor`: the node may be asked again.
 */
export type TidyAnswer =
  | { readonly tidy: true }
  | { readonly tidy: false; readonly ring: unknown }
  | { readonly tidy: false; readonly waitsFor: string }

export function tidyRoute(app: FastifyInstance, keeper: Keeper): void {
  app.post<{ Body: { ring?: unknown } | undefined }>(
    '/internal/tidy',
    { bodyLimit: RING_BYTES },
    async (request, reply) => {
      return reply.send(await whenTidy(app, keeper, ringFromJson(request.body?.ring)))
    }
  )
}

/**
 * Resolves when this node can become a receiver in a change of the ring, or tells that it has a newer one, or
 * what it waits for. Throws `KV_ERR_RING_CONFLICT`, and what an install throws.
 */
export async function whenTidy(
  { ring, storage }: Pick<FastifyInstance, 'ring' | 'storage'>,
  keeper: Pick<Keeper, 'isTidy'>,
  asked: Ring,
  timers = TIMERS
): Promise<TidyAnswer> {
  await ring.install(asked)
  // A node of another cluster, whose ring is the newer one, has nothing to install; it would never take the
  // ring that names it.
  if (ring.view?.ring.generation !== asked.generation) {
    throw new KvError('KV_ERR_RING_CONFLICT', 'this node belongs to another ring')
  }
  for (let waitedMs = 0; storage.incarnation === 0 || !(await keeper.isTidy()); waitedMs += TIDY_POLL_MS) {
    const present = ring.view.ring
    if (compareRings(present, asked) > 0) return { tidy: false, ring: ringToJson(present) }
    if (waitedMs > TIDY_ANSWER_MS) {
      return {
        tidy: false,
        waitsFor: 'this node has not yet recovered, or not yet purged what it held before'
      }
    }
    await pause(TIDY_POLL_MS, timers)
  }
  return { tidy: true }
}
