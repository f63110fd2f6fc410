// Whether a ring that was just seeded is new. A node that has lost its disk and its memory looks to itself
// like one that never had anything; only the others of the seed can tell the two apart.

import { type FastifyInstance } from 'fastify'
import { pause, startDeadline, TIMERS } from '../../src/core/quorum/deadline.ts'
import { PEER_DEADLINE_MS, RING_BYTES } from '../../src/limits.ts'
import { SEED_PAUSE_MS, SEED_WAIT_MS } from './limits.ts'
import { nodesOf, type Ring } from '../../src/core/ring/ring.ts'
import { ringFromJson, ringToJson } from '../../src/core/ring/ring-json.ts'
import { type Keeper } from '../../src/keeper/keeper.ts'

export interface Seeding {
  /**
   * Asks all the others of a ring that this node was seeded with; true: all say that nothing can have been
   * stored or decided under it. Never rejects.
   */
  isNew(ring: Ring): Promise<boolean>
}

declare module 'fastify' {
  interface FastifyInstance {
    seeding: Seeding
  }
}

const SCHEMA = { body: { type: 'object', required: ['ring'], properties: { ring: { type: 'object' } } } }

export function seedingRoute(app: FastifyInstance, keeper: Keeper): void {
  /**
   * The ring is not taken over here: the operator is about to seed this node too. Throws `KV_ERR_STORAGE`.
   */
  app.post<{ Body: { readonly ring: object } }>(
    '/internal/new',
    { schema: SCHEMA, bodyLimit: RING_BYTES },
    async (request, reply) =>
      reply.send({ isNew: await isNewHere(app, keeper, ringFromJson(request.body.ring)) })
  )
  app.decorate('seeding', createSeeding(app))
}

/** What this node answers. Throws `KV_ERR_STORAGE`. */
export async function isNewHere(
  { storage }: Pick<FastifyInstance, 'storage'>,
  keeper: Pick<Keeper, 'isNew'>,
  asked: Ring
): Promise<boolean> {
  const { pairs } = await storage.stats()
  return pairs === 0 && (await keeper.isNew(asked))
}

export function createSeeding(
  app: Pick<FastifyInstance, 'ring' | 'peers' | 'log'>,
  timers = TIMERS
): Seeding {
  async function says(node: string, ring: Ring): Promise<boolean> {
    const { isNew } = JSON.parse(
      await app.peers.channel(node).call('/internal/new', { ring: ringToJson(ring) }, PEER_DEADLINE_MS)
    ) as { readonly isNew: unknown }
    if (isNew !== true) {
      app.log.warn(
        { peer: node },
        'a node of the seed has pairs, or has had a ring of this generation; this node fetches ' +
          'before it counts'
      )
    }
    return isNew === true
  }

  /** Asks again for as long as the node may be about to start, unless another one has said no. */
  async function patiently(node: string, ring: Ring, isOver: () => boolean): Promise<boolean> {
    for (;;) {
      try {
        return await says(node, ring)
      } catch (error) {
        if (isOver()) {
          app.log.warn(
            { peer: node, err: error },
            'a node of the seed cannot be asked whether the ring is new; this node fetches before it counts'
          )
          return false
        }
        await pause(SEED_PAUSE_MS, timers)
      }
    }
  }

  return {
    async isNew(ring) {
      let over = false
      const end = (): void => {
        over = true
      }
      const callOff = startDeadline(SEED_WAIT_MS, end, timers)
      const others = nodesOf(ring).filter(node => node !== app.ring.node)
      const answers = await Promise.all(
        others.map(async node => {
          const isNew = await patiently(node, ring, () => over)
          if (!isNew) end()
          return isNew
        })
      )
      callOff()
      return answers.every(Boolean)
    }
  }
}
