// Pairs in bulk: what operators export, what other nodes pull, and what this node fetches from them.

import fp from 'fastify-plugin'
import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { SLOTS } from '../../src/limits.ts'
import { encodeEnd, encodePairs } from '../../src/core/pairstream.ts'
import { compareRings, type RingId } from '../../src/core/ring.ts'
import { exportRoutes } from './export.ts'
import { createFetch, type FetchPairs } from './fetch.ts'
import { streamOf } from './stream.ts'

declare module 'fastify' {
  interface FastifyInstance { fetchPairs: FetchPairs }
}

export interface MigrationOptions { readonly token: string | undefined }

interface PullRequest extends RingId { readonly ranges: ReadonlyArray<readonly [min: number, max: number]> }

const slot = { type: 'integer', minimum: 0, maximum: SLOTS - 1 }
const PULL_SCHEMA = {
  body: {
    type: 'object',
    required: ['generation', 'epoch', 'ranges'],
    properties: {
      generation: { type: 'integer' },
      epoch: { type: 'integer' },
      ranges: { type: 'array', maxItems: SLOTS, items: { type: 'array', minItems: 2, maxItems: 2, items: slot } }
    }
  }
}

export default fp<MigrationOptions>(async (app, { token }) => {
  exportRoutes(app)
  app.decorate('fetchPairs', createFetch(app, token === undefined ? {} : { authorization: `Bearer ${token}` }))

  app.post<{ Body: PullRequest }>('/internal/pull', { schema: PULL_SCHEMA }, async (request, reply) => {
    const { view } = app.ring
    if (view === undefined || compareRings(view.ring, request.body) !== 0) throw new KvError('KV_ERR_FENCED')
    return reply.type('application/octet-stream').send(await streamOf(pairsOf(app, request.body.ranges)))
  })
}, { name: 'migration', dependencies: ['peers', 'route', 'storage', 'ring'] })

/** The pairs of the ranges, and an end that tells whether this node remembered everything all the while. */
async function * pairsOf (app: FastifyInstance, ranges: PullRequest['ranges']): AsyncGenerator<Buffer> {
  const { storage } = app
  const wanted = new Uint8Array(SLOTS)
  for (const [min, max] of ranges) wanted.fill(1, min, max + 1)
  const { memory } = storage
  let pairs = 0
  for await (const batch of storage.scan(slot => wanted[slot] === 1)) {
    pairs += batch.length
    yield encodePairs(batch)
  }
  yield encodeEnd({ pairs, remembers: memory !== 0 && storage.memory === memory })
}
