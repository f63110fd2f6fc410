// The way of a client's request: find the slot, let the coordinator ask the replicas, answer. The course
// project's `/route` lives here, and, beside it, `/kv` for raw bytes and `/bulk_update_keys` and `/kv/batch`
// for many pairs at once.

import fp from 'fastify-plugin'
import { type FastifyInstance } from 'fastify'
import { FORM_BYTES } from '../../src/limits.ts'
import { fieldsOf } from '../../src/core/pairs/form.ts'
import { checkKey } from '../../src/core/pairs/key.ts'
import { tombstone } from '../../src/core/pairs/record.ts'
import { slotOf } from '../../src/core/pairs/slot.ts'
import { answerOk, answerText, pairOf, plainRecord, servedBy } from './answers.ts'
import { batchRoute } from './batch.ts'
import { bulkRoute } from './bulk.ts'
import { cacheRoutes } from './cache.ts'
import { kvRoutes } from './kv.ts'

export default fp(
  async app => {
    routeRoutes(app)
    cacheRoutes(app)
    bulkRoute(app)
    batchRoute(app)
    await app.register(kvRoutes)
  },
  { name: 'route', dependencies: ['requests', 'unsent', 'clock', 'coordinator', 'storage'] }
)

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
