// `/kv/<key>`: raw bytes with their content type, expiry, and quorums by request.

import { type FastifyError, type FastifyPluginAsync, type FastifyRequest } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { REPLICAS_LIMIT, TTL_S, VALUE_BYTES } from '../../src/limits.ts'
import { type Quorums } from '../../src/core/quorum/coordinator.ts'
import { fieldsOf, numberField } from '../../src/core/pairs/form.ts'
import { checkKey } from '../../src/core/pairs/key.ts'
import { checkContentType, tombstone } from '../../src/core/pairs/record.ts'
import { slotOf } from '../../src/core/pairs/slot.ts'
import { formatVersion } from '../../src/core/pairs/version.ts'
import { answerValue, servedBy } from './answers.ts'

const OPTIONS = { config: { open: true }, bodyLimit: VALUE_BYTES }
const NO_BYTES = Buffer.alloc(0)

export const kvRoutes: FastifyPluginAsync = async app => {
  const { coordinator, clock } = app
  // A value is bytes, whatever its content type says.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: VALUE_BYTES }, (_request, body, done) =>
    done(null, body)
  )

  // The body is the value, and nothing else.
  app.setErrorHandler((error: FastifyError) => {
    throw error.statusCode === 413 ? new KvError('KV_ERR_VALUE_TOO_LARGE') : error
  })

  app.get('/kv/*', OPTIONS, async (request, reply) => {
    const key = keyOf(request)
    const { plan, record } = await coordinator.read(slotOf(key), key, quorumsOf(request))
    servedBy(reply, plan)
    if (record === undefined || record.deleted) throw new KvError('KV_ERR_NOT_FOUND')
    reply.header('etag', `"${formatVersion(record.version)}"`)
    return answerValue(reply, record, 'application/octet-stream')
  })

  app.put('/kv/*', OPTIONS, async (request, reply) => {
    const key = keyOf(request)
    const ttlS = numberField(fieldsOf(request.query).ttl, 1, TTL_S, 'KV_ERR_TTL')
    const contentType = checkContentType(request.headers['content-type'] ?? '')
    const value = (request.body as Buffer | undefined) ?? NO_BYTES
    const expiresAtMs = ttlS === undefined ? 0 : clock.wallMs() + ttlS * 1000
    const { plan, version } = await coordinator.write(
      slotOf(key),
      key,
      version => ({ version, deleted: false, expiresAtMs, contentType, value }),
      quorumsOf(request)
    )
    servedBy(reply, plan)
    return reply
      .code(204)
      .header('etag', `"${formatVersion(version)}"`)
      .send()
  })

  app.delete('/kv/*', OPTIONS, async (request, reply) => {
    const key = keyOf(request)
    const { plan } = await coordinator.write(
      slotOf(key),
      key,
      version => tombstone(version, clock.wallMs()),
      quorumsOf(request)
    )
    servedBy(reply, plan)
    return reply.code(204).send()
  })
}

function keyOf(request: FastifyRequest): string {
  return checkKey((request.params as { '*': string })['*'])
}

/** `r=` and `w=` of a request; undefined: majorities. */
function quorumsOf(request: FastifyRequest): Quorums | undefined {
  const fields = fieldsOf(request.query)
  if (fields.r === undefined && fields.w === undefined) return undefined
  return {
    read: numberField(fields.r, 1, REPLICAS_LIMIT, 'KV_ERR_QUORUM_SIZE'),
    write: numberField(fields.w, 1, REPLICAS_LIMIT, 'KV_ERR_QUORUM_SIZE')
  } as Quorums
}
