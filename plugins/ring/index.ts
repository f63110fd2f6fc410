// The ring plugin: the ring that this process serves by, its way to the keeper, and the operator's view of
// it.

import fp from 'fastify-plugin'
import { type FastifyInstance } from 'fastify'
import { digestOf } from '../../src/core/ring/digest.ts'
import { type Ring } from '../../src/core/ring/ring.ts'
import { ringToJson } from '../../src/core/ring/ring-json.ts'
import { parseSeed } from '../../src/core/ring/seed.ts'
import { fieldsOf } from '../../src/core/pairs/form.ts'
import { slotOf } from '../../src/core/pairs/slot.ts'
import { checkKey } from '../../src/core/pairs/key.ts'
import { KvError } from '../../src/errors.ts'
import { RING_BYTES } from '../../src/limits.ts'
import { createInstalledRing, type InstalledRing } from './installed.ts'
import { type Keeper } from '../../src/keeper/keeper.ts'

export interface NodeRing extends InstalledRing {
  /** This node's advertised `host:port`. */
  readonly node: string
  /**
   * Brings a newer ring into force at the whole node. Throws `KV_ERR_RING_CONFLICT`, `KV_ERR_RING_SPLIT`,
   * `KV_ERR_INSTALL`.
   */
  install(ring: Ring): Promise<void>
  /**
   * True while a newer ring could not be brought into force here; the others then refuse what this node asks
   * by its own.
   */
  isBehind(): boolean
  /**
   * False while the process that keeps the ring does not answer: then no newer ring comes into force here.
   */
  hasKeeper(): boolean
}

declare module 'fastify' {
  interface FastifyInstance {
    ring: NodeRing
  }
}

export interface RingOptions {
  readonly node: string
  readonly keeper: Keeper
  /** Replicas of a ring that is seeded without its own. */
  readonly replicas: number
}

export default fp<RingOptions>(
  async (app, { node, keeper, replicas }) => {
    const installed = createInstalledRing()
    let behind = false
    async function install(ring: Ring): Promise<void> {
      try {
        await keeper.install(ring)
        behind = false
      } catch (error) {
        behind = error instanceof KvError && error.code === 'KV_ERR_INSTALL'
        throw error
      }
    }
    app.decorate(
      'ring',
      Object.assign(installed, { node, install, isBehind: () => behind, hasKeeper: () => keeper.answers })
    )
    readRoutes(app)

    app.post('/hash_ring', { bodyLimit: RING_BYTES }, async (request, reply) => {
      const { data } = fieldsOf(request.body)
      if (typeof data !== 'string') {
        throw new KvError(
          'KV_ERR_RING_INVALID',
          'the ring is missing: data={"nodes": [{"ip": "host:port", "key": 3000}, ...]}'
        )
      }
      await keeper.seed(parseSeed(data, replicas))
      return reply.type('text/plain; charset=utf-8').send('OK')
    })
  },
  { name: 'ring', dependencies: ['requests'] }
)

function readRoutes(app: FastifyInstance): void {
  const { ring } = app

  app.get('/hash_ring', (_request, reply) => {
    if (ring.view === undefined) throw new KvError('KV_ERR_NO_RING')
    reply
      .header('etag', `"${ring.view.ring.epoch}"`)
      .send({ ...ringToJson(ring.view.ring), digest: digestOf(ring.view.ring) })
  })

  app.get('/route_test', (request, reply) => {
    if (ring.view === undefined) throw new KvError('KV_ERR_NO_RING')
    const owner = ring.view.placement.owner(slotOf(checkKey(fieldsOf(request.query).key)))
    reply.type('text/plain; charset=utf-8').send(owner)
  })
}
