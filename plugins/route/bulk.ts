// `/bulk_update_keys`: many pairs in one request, each written to its own owner by a quorum of its own.

import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { BULK_BYTES } from '../../src/limits.ts'
import { fieldsOf } from '../../src/core/form.ts'
import { checkKey } from '../../src/core/key.ts'
import { slotOf } from '../../src/core/slot.ts'
import { answerOk, checkValue, plainRecord } from './answers.ts'
import { forEachOf } from './several.ts'

export function bulkRoute (app: FastifyInstance): void {
  const { coordinator } = app

  app.post('/bulk_update_keys', { bodyLimit: BULK_BYTES }, async (request, reply) => {
    const pairs = parsePairs(fieldsOf(request.body).dic)
    const notWritten: string[] = []
    await forEachOf(pairs, async ([key, value]) => {
      try {
        await coordinator.write(slotOf(key), key, version => plainRecord(version, value))
      } catch (error) {
        if (!(error instanceof KvError)) throw error
        notWritten.push(key)
      }
    })
    if (notWritten.length > 0) throw new KvError('KV_ERR_BULK', `${notWritten.length} of ${pairs.length} pairs were not written, or nobody knows`, { keys: notWritten })
    return answerOk(reply)
  })
}

/** Checks every pair before the first is written, so that a malformed request changes nothing. */
function parsePairs (dic: unknown): Array<[key: string, value: Buffer]> {
  let object: unknown
  try {
    // Given twice, or not as text, it is nothing: it would take a repair to read it.
    object = typeof dic === 'string' ? JSON.parse(dic) : undefined
  } catch {
    object = undefined
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) throw new KvError('KV_ERR_MALFORMED', 'dic is a JSON object of keys and values')
  return Object.entries(object).map(([key, value]) => [checkKey(key), checkValue(value)])
}
