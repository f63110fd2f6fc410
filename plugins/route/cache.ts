// `/cache`: this node's own storage, past ring and replicas. It is a look behind the scenes and, on a ring
// with several replicas, outside of what the store promises.

import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { COORDINATOR_ROUNDS, FORM_BYTES } from '../../src/limits.ts'
import { fieldsOf } from '../../src/core/pairs/form.ts'
import { checkKey } from '../../src/core/pairs/key.ts'
import { type FailureReason } from '../../src/core/ports.ts'
import { isVisible } from '../../src/core/pairs/record.ts'
import { slotOf } from '../../src/core/pairs/slot.ts'
import { answerOk, answerText, pairOf, plainRecord } from './answers.ts'

export function cacheRoutes(app: FastifyInstance): void {
  const { storage, clock } = app

  app.get('/cache', async (request, reply) => {
    const key = checkKey(fieldsOf(request.query).key)
    const result = await storage.get(slotOf(key), key)
    if (result.kind === 'failed') throw storageError(result.reason)
    return answerText(
      reply,
      result.kind === 'found' && isVisible(result.record, clock.wallMs()) ? result.record : undefined
    )
  })

  app.post('/cache', { bodyLimit: FORM_BYTES }, async (request, reply) => {
    const { key, value } = pairOf(request)
    for (let round = 0; round < COORDINATOR_ROUNDS; round++) {
      const result = await storage.merge(slotOf(key), key, plainRecord(clock.next(), value))
      if (result.kind === 'failed') throw storageError(result.reason)
      if (result.kind === 'stored') return answerOk(reply)
      clock.observe(result.version)
    }
    throw new KvError('KV_ERR_OVERLOADED', 'too many writers of this key; nothing was written')
  })
}

function storageError(reason: FailureReason): KvError {
  if (reason === 'full') return new KvError('KV_ERR_FULL')
  if (reason === 'overloaded') return new KvError('KV_ERR_OVERLOADED')
  return new KvError(
    'KV_ERR_STORAGE',
    reason === 'timeout' ? 'the storage of this node does not answer; outcome unknown' : undefined
  )
}
