// The giving end of a copy: the pairs of some slots as a stream whose pace the receiver sets, and this node's
// own requests too.

import { setTimeout as pause } from 'node:timers/promises'
import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { RING_BYTES, SLOTS } from '../../src/limits.ts'
import { encodeEnd, encodePairs } from '../../src/core/messages/pair-stream.ts'
import { holdings } from '../../src/core/ring/placement.ts'
import { compareRings, sameShape, type Ring } from '../../src/core/ring/ring.ts'
import { ringFromJson } from '../../src/core/ring/ring-json.ts'
import { type Ranges } from '../../src/core/copying/fetching.ts'
import { EXPECTED_HEADER, TRUSTED_HEADER } from './pull.ts'
import { streamOf } from './stream.ts'

interface PullRequest {
  readonly ring: object
  readonly ranges: Ranges
}

const slot = { type: 'integer', minimum: 0, maximum: SLOTS - 1 }
const PULL_SCHEMA = {
  body: {
    type: 'object',
    required: ['ring', 'ranges'],
    properties: {
      ring: { type: 'object' },
      ranges: {
        type: 'array',
        maxItems: SLOTS,
        items: { type: 'array', minItems: 2, maxItems: 2, items: slot }
      }
    }
  }
}

/** What a source needs of the application. */
export type SourcePorts = Pick<FastifyInstance, 'ring' | 'storage' | 'pace' | 'clock'>

export interface Source {
  readonly expectedPairs: number
  readonly trustedMs: number
  readonly pieces: AsyncGenerator<Buffer>
}

export function sourceRoutes(app: FastifyInstance): void {
  app.post<{ Body: PullRequest }>(
    '/internal/pull',
    { schema: PULL_SCHEMA, bodyLimit: RING_BYTES },
    async (request, reply) => {
      const { expectedPairs, trustedMs, pieces } = await openSource(
        app,
        ringFromJson(request.body.ring),
        request.body.ranges
      )
      reply
        .header(EXPECTED_HEADER, expectedPairs)
        .header(TRUSTED_HEADER, trustedMs)
        .type('application/octet-stream')
      return reply.send(await streamOf(pieces))
    }
  )
}

/**
 * The pairs of the ranges, for one whose ring is `asked`. Throws `KV_ERR_FENCED` where that ring is not in
 * force here.
 */
export async function openSource(app: SourcePorts, asked: Ring, ranges: Ranges): Promise<Source> {
  const { ring } = app
  await ring.install(asked)
  const { view } = ring
  // What this node took under older rings has ended once the ring is in force at all its processes.
  const isInForce =
    view !== undefined &&
    compareRings(view.ring, asked) >= 0 &&
    sameShape(view.ring, asked) &&
    (await ring.within(view.ring, async () => true)) === true
  if (!isInForce) throw new KvError('KV_ERR_FENCED')
  const { storage, clock } = app
  const trustedMs = storage.incarnation === 0 ? 0 : storage.trustedUntilMs - clock.wallMs()
  return { expectedPairs: await expectedPairs(app, ranges), trustedMs, pieces: pairsOf(app, asked, ranges) }
}

/** As if the pairs of this node lay evenly in all the slots that it holds. */
async function expectedPairs({ storage, ring }: SourcePorts, ranges: Ranges): Promise<number> {
  const held =
    ring.view === undefined ? [] : holdings(ring.view.ring, ring.node).filter(holding => holding.present)
  const slots = held.reduce((sum, { min, max }) => sum + max - min + 1, 0)
  const asked = ranges.reduce((sum, [min, max]) => sum + max - min + 1, 0)
  const { pairs } = await storage.stats()
  return Math.round(pairs * Math.min(1, asked / Math.max(1, slots)))
}

/**
 * The pairs of the ranges, and an end that tells whether this node remembered everything all the while.
 * Throws `KV_ERR_FENCED`, where the ring is another one by then: some of the pairs may have been purged
 * before they were read, which must not pass for all.
 */
async function* pairsOf(app: SourcePorts, asked: Ring, ranges: Ranges): AsyncGenerator<Buffer> {
  const { storage, pace } = app
  const wanted = new Uint8Array(SLOTS)
  for (const [min, max] of ranges) wanted.fill(1, min, max + 1)
  const { incarnation } = storage
  let pairs = 0
  let beganMs = performance.now()
  // Who asks for no slot only wants to know whether this node remembers.
  const batches = ranges.length === 0 ? [] : storage.scan(slot => wanted[slot] === 1)
  for await (const batch of batches) {
    pairs += batch.length
    const bytes = encodePairs(batch)
    const workMs = performance.now() - beganMs
    yield bytes
    const restMs = pace.restMs(workMs, bytes.length)
    if (restMs >= 1) await pause(restMs)
    beganMs = performance.now()
  }
  if (app.ring.view === undefined || !sameShape(app.ring.view.ring, asked)) throw new KvError('KV_ERR_FENCED')
  yield encodeEnd({ pairs, remembers: incarnation !== 0 && storage.incarnation === incarnation })
}
