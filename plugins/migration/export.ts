// What an operator can take out of a node, or empty: `/fetch_keys`, `/migrate`, `/clear_cache`.

import { isUtf8 } from 'node:buffer'
import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { SLOTS } from '../../src/limits.ts'
import { numberField } from '../../src/core/pairs/form.ts'
import { type Pair, type Storage } from '../../src/core/ports.ts'
import { isVisible } from '../../src/core/pairs/record.ts'
import { formatVersion } from '../../src/core/pairs/version.ts'
import { streamOf } from './stream.ts'

export function exportRoutes(app: FastifyInstance): void {
  const { storage, clock } = app

  app.get('/fetch_keys', async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(await streamOf(keysAsJson(storage, clock.wallMs())))
  )

  app.get<{ Params: { min: string; max: string } }>('/migrate/:min/:max', async (request, reply) => {
    const min = numberField(request.params.min, 0, SLOTS - 1, 'KV_ERR_SLOTS') as number
    const max = numberField(request.params.max, 0, SLOTS - 1, 'KV_ERR_SLOTS') as number
    if (min > max) throw new KvError('KV_ERR_SLOTS')
    return reply
      .type('application/x-ndjson; charset=utf-8')
      .send(await streamOf(pairsAsNdjson(storage, min, max)))
  })

  app.get('/clear_cache', async (_request, reply) => {
    const pairs = await storage.purge(() => true)
    app.log.warn({ pairs }, 'the pairs of this node were cleared by request')
    return reply.type('text/plain; charset=utf-8').send('OK')
  })
}

async function* keysAsJson(storage: Storage, nowMs: number): AsyncGenerator<string> {
  let separator = '['
  for await (const batch of storage.scan(() => true)) {
    let text = ''
    for (const { key, record } of batch) {
      if (!isVisible(record, nowMs)) continue
      const value = isUtf8(record.value)
        ? record.value.toString()
        : { base64: record.value.toString('base64') }
      text += `${separator}${JSON.stringify([key, value])}`
      separator = ',\n'
    }
    if (text !== '') yield text
  }
  yield separator === '[' ? '[]\n' : ']\n'
}

async function* pairsAsNdjson(storage: Storage, min: number, max: number): AsyncGenerator<string> {
  for await (const batch of storage.scan(slot => slot >= min && slot <= max)) {
    yield batch.map(pair => `${JSON.stringify(pairAsJson(pair))}\n`).join('')
  }
}

/**
 * `{key, value, encoding, version, expires?, deleted?, contentType?}`; `expires` in milliseconds since 1970.
 */
function pairAsJson({ key, record }: Pair) {
  const encoding = isUtf8(record.value) ? 'utf8' : 'base64'
  return {
    key,
    value: record.value.toString(encoding),
    encoding,
    version: formatVersion(record.version),
    ...(record.expiresAtMs > 0 && { expires: record.expiresAtMs }),
    ...(record.deleted && { deleted: true }),
    ...(record.contentType !== '' && { contentType: record.contentType })
  }
}
