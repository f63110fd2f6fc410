// The way of a client's request: find the slot, let the coordinator ask the replicas, answer. The course
// project's `/route` lives here, and, beside it, `/kv` for raw bytes and `/bulk_update_keys` and `/kv/batch`
// for many pairs at once.

import fp from 'fastify-plugin'
import { type FastifyInstance } from 'fastify'
import { FORM_BYTES } from '../../src/limits.ts'
import { PACE_EVERY } from '../../src/core/copying/limits.ts'
import { createCoordinator, type Coordinator } from '../../src/core/quorum/coordinator.ts'
import { fieldsOf } from '../../src/core/pairs/form.ts'
import { checkKey } from '../../src/core/pairs/key.ts'
import { createPace, type Pace } from '../../src/core/copying/pace.ts'
import { tombstone } from '../../src/core/pairs/record.ts'
import { slotOf } from '../../src/core/pairs/slot.ts'
import { type Clock } from '../../src/core/pairs/version.ts'
import { answerOk, answerText, pairOf, plainRecord, servedBy } from './answers.ts'
import { batchRoute } from './batch.ts'
import { bulkRoute } from './bulk.ts'
import { cacheRoutes } from './cache.ts'
import { kvRoutes } from './kv.ts'

declare module 'fastify' {
  interface FastifyInstance {
    clock: Clock
    coordinator: Coordinator
    /** How fast copying may go beside the clients' requests. */
    pace: Pace
  }
}

export interface RouteOptions {
  readonly clock: Clock
  readonly copyBytesPerS: number
}

export default fp<RouteOptions>(
  async (app, { clock, copyBytesPerS }) => {
    const pace = createPace(() => performance.now(), copyBytesPerS)
    app.decorate('clock', clock)
    app.decorate('pace', pace)
    app.decorate(
      'coordinator',
      timed(createCoordinator({ plans: app.ring, replicas: app.peers, clock }), pace)
    )
    routeRoutes(app)
    cacheRoutes(app)
    bulkRoute(app)
    batchRoute(app)
    await app.register(kvRoutes)
  },
  { name: 'route', dependencies: ['requests', 'unsent', 'peers', 'ring', 'storage'] }
)

/** The coordinator, some of whose requests tell the pace how long they took. */
function timed(coordinator: Coordinator, pace: Pace): Coordinator {
  let requests = 0

  function time<T>(request: Promise<T>): Promise<T> {
    if (++requests % PACE_EVERY !== 0) return request
    const beganMs = performance.now()
    return request.finally(() => pace.observe(performance.now() - beganMs))
  }

  return {
    read: (...request) => time(coordinator.read(...request)),
    write: (...request) => time(coordinator.write(...request))
  }
}

/** `GET`, `POST`, `DELETE /route`. */
function routeRoutes(app: FastifyInstance): void {
  const { coordinator, clock } = app
  const config = { open: true }

  app.get('/route', { config }, async (request, reply) => {
    const key = checkKey(fieldsOf(request.query).key)
    const { plan, record } = await coordinator.read(slotOf(key), key)
    servedBy(reply, plan)
    return answerText(reply, record)
  })

  app.post('/route', { config, bodyLimit: FORM_BYTES }, async (request, reply) => {
    const { key, value } = pairOf(request)
    const { plan } = await coordinator.write(slotOf(key), key, version => plainRecord(version, value))
    servedBy(reply, plan)
    return answerOk(reply)
  })

  app.delete('/route', { config }, async (request, reply) => {
    const key = checkKey(fieldsOf(request.query).key)
    const { plan } = await coordinator.write(slotOf(key), key, version => tombstone(version, clock.wallMs()))
    servedBy(reply, plan)
    return answerOk(reply)
  })
}
