// What the client-facing routes share: the pair that a request carries, and the answers it gets.

import { isAscii } from 'node:buffer'
import { type FastifyReply, type FastifyRequest } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { UNSENT_FREE_BYTES, VALUE_BYTES } from '../../src/limits.ts'
import { fieldsOf } from '../../src/core/pairs/form.ts'
import { checkKey } from '../../src/core/pairs/key.ts'
import { type Plan } from '../../src/core/ring/placement.ts'
import { type PairRecord } from '../../src/core/pairs/record.ts'

/** Longest value that is sent as a string; a longer one is not worth the copy. */
const TEXT_BYTES = UNSENT_FREE_BYTES

const TEXT = 'text/plain; charset=utf-8'

export function answerOk(reply: FastifyReply): FastifyReply {
  return reply.type(TEXT).send('OK')
}

/** A value as text; 404 with `N/A` where there is none, or a tombstone. */
export function answerText(reply: FastifyReply, record: PairRecord | undefined): FastifyReply {
  if (record === undefined || record.deleted) return reply.code(404).type(TEXT).send('N/A')
  return answerValue(reply, record, TEXT)
}

/**
 * The bytes, as the content type that they were written with. A browser is told to run nothing of it and to
 * take it for nothing else, as anybody may have written it. Throws `KV_ERR_OVERLOADED`.
 */
export function answerValue(
  reply: FastifyReply,
  { contentType, value }: PairRecord,
  otherwise: string
): FastifyReply {
  if (value.length > UNSENT_FREE_BYTES) hold(reply, value.length)
  reply.header('x-content-type-options', 'nosniff')
  if (contentType !== '') reply.header('content-security-policy', "sandbox; default-src 'none'")
  // Header and body of a short text leave as one string, for which the server needs less time than for two
  // pieces.
  const asText = contentType === '' && value.length <= TEXT_BYTES && isAscii(value)
  return reply.type(contentType || otherwise).send(asText ? value.toString('latin1') : value)
}

/**
 * Throws `KV_ERR_OVERLOADED` where too much is unsent; the connection ends with that, so that what waits on
 * it does not read one value after another in vain.
 */
function hold(reply: FastifyReply, bytes: number): void {
  const answer = reply.server.unsent.count(reply)
  answer.made()
  if (answer.hold(bytes)) return
  reply.header('connection', 'close')
  throw new KvError('KV_ERR_OVERLOADED', 'too many large answers wait for their clients')
}

/** The headers that tell how a request was served. */
export function servedBy(reply: FastifyReply, plan: Plan): void {
  reply.header('x-ring-epoch', plan.ring.epoch)
  reply.header('x-owner', plan.nodes[0])
  reply.header('server-timing', `total;dur=${reply.elapsedTime.toFixed(2)}`)
}

/**
 * Key and value of a form or JSON body. Throws `KV_ERR_KEY_*`, `KV_ERR_VALUE_MISSING`,
 * `KV_ERR_VALUE_TOO_LARGE`.
 */
export function pairOf(request: FastifyRequest): { key: string; value: Buffer } {
  const fields = fieldsOf(request.body)
  return { key: checkKey(fields.key), value: checkValue(fields.val) }
}

/** The bytes of a value. Throws `KV_ERR_VALUE_MISSING`, `KV_ERR_VALUE_TOO_LARGE`. */
export function checkValue(value: unknown): Buffer {
  if (typeof value !== 'string' && !Buffer.isBuffer(value)) throw new KvError('KV_ERR_VALUE_MISSING')
  if (typeof value === 'string' && !value.isWellFormed()) {
    throw new KvError('KV_ERR_MALFORMED', 'the value is not well-formed text')
  }
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  if (bytes.length > VALUE_BYTES) throw new KvError('KV_ERR_VALUE_TOO_LARGE')
  return bytes
}

/** A value that never expires and has no content type of its own. */
export function plainRecord(version: PairRecord['version'], value: Buffer): PairRecord {
  return { version, deleted: false, expiresAtMs: 0, contentType: '', value }
}
