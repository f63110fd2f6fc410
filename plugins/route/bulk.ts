// `/bulk_update_keys`: many pairs in one request, each written to its own owner by a quorum of its own.

import { type FastifyInstance, type FastifyRequest } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { BULK_BYTES } from '../../src/limits.ts'
import { fieldsOf } from '../../src/core/pairs/form.ts'
import { readPairs } from '../../src/core/messages/json-shapes.ts'
import { checkKey } from '../../src/core/pairs/key.ts'
import { slotOf } from '../../src/core/pairs/slot.ts'
import { answerOk, checkValue, plainRecord } from './answers.ts'
import { forEachOf } from './several.ts'

export function bulkRoute(app: FastifyInstance): void {
  const { coordinator } = app

  app.post('/bulk_update_keys', { bodyLimit: BULK_BYTES }, async (request, reply) => {
    const pairs = await parsePairs(app, request)
    const notWritten: string[] = []
    await forEachOf(pairs, async ([key, value]) => {
      try {
        await coordinator.write(slotOf(key), key, version => plainRecord(version, value))
      } catch (error) {
        if (!(error instanceof KvError)) throw error
        notWritten.push(key)
      }
    })
    if (notWritten.length > 0) {
      throw new KvError(
        'KV_ERR_BULK',
        `${notWritten.length} of ${pairs.length} pairs were not written, or nobody knows`,
        { keys: notWritten }
      )
    }
    return answerOk(reply)
  })
}

/** Checks every pair before the first is written, so that a malformed request changes nothing. */
async function parsePairs(
  app: FastifyInstance,
  request: FastifyRequest
): Promise<Array<[key: string, value: Buffer]>> {
  const { dic } = fieldsOf(request.body)
  // Given twice, or not as text, it is nothing: it would take a repair to read it.
  if (typeof dic !== 'string') {
    throw new KvError('KV_ERR_MALFORMED', 'dic is a JSON object of keys and values')
  }
  const steps = readPairs(
    Buffer.from(dic),
    (key, value) => [checkKey(key), checkValue(value)] as [string, Buffer]
  )
  return [...(await app.inTurns(request.raw.socket, steps)).values()]
}
