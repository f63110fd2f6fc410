// The giving end over HTTP: a request that makes no sense is refused before the storage is asked, and the
// answer tells how much is to come and how long it is to be trusted.

import fastify from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import migration from '../../../plugins/migration/index.ts'
import { EXPECTED_HEADER, TRUSTED_HEADER } from '../../../plugins/migration/pull.ts'
import { createPairDecoder } from '../../../src/core/messages/pair-stream.ts'
import { type Pair } from '../../../src/core/ports.ts'
import { ringToJson } from '../../../src/core/ring/ring-json.ts'
import { fakeStorage, installedRing } from './copying-fakes.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

const PAIR: Pair = {
  slot: 5,
  key: 'key',
  record: {
    version: { timeMs: 1, counter: 0, writer: 1 },
    deleted: false,
    expiresAtMs: 0,
    contentType: '',
    value: Buffer.from('x')
  }
}

async function setup() {
  const app = fastify()
  const storage = Object.assign(fakeStorage(), {
    trustedUntilMs: 5_000,
    stats: async () => ({ pairs: 1, bytes: 0, limitBytes: 0 }),
    async *scan() {
      yield [PAIR]
    }
  })
  const parts = {
    storage,
    ring: await installedRing(ringOf(1)),
    pace: { observe() {}, restMs: () => 0, share: 1 },
    clock: { wallMs: () => 1_000 },
    peers: {},
    ringConsensus: {}
  }
  for (const [name, part] of Object.entries(parts)) app.decorate(name, part)
  for (const name of ['clock', 'ring', 'storage', 'peers', 'coordinator', 'consensus']) {
    await app.register(fp(async () => {}, { name }))
  }
  await app.register(migration, { keeper: {} as Parameters<typeof migration>[1]['keeper'] })
  const pull = (payload: object) => app.inject({ method: 'POST', url: '/internal/pull', payload })
  return { app, pull }
}

const ring = ringToJson(ringOf(1))

t.test('the pairs, and what is to be known of them', async t => {
  const { app, pull } = await setup()
  const { statusCode, headers, rawPayload } = await pull({ ring, ranges: [[0, 9999]] })
  t.equal(statusCode, 200)
  t.match(headers, {
    [EXPECTED_HEADER]: '1',
    [TRUSTED_HEADER]: '4000',
    'content-type': 'application/octet-stream'
  })
  const decoder = createPairDecoder()
  t.match(decoder.push(rawPayload), [{ slot: 5, key: 'key' }])
  t.same(decoder.finish(), { pairs: 1, remembers: true })
  t.type(app.copying.fetch, 'function')
  t.equal((await app.inject('/fetch_keys')).statusCode, 200, 'what operators take out is there too')
})

t.test('what makes no sense', async t => {
  const { pull } = await setup()
  for (const payload of [
    {},
    { ring },
    { ranges: [] },
    ...[[[0]], [[0, 1, 2]], [[0, 10_000]], [[-1, 0]], [0]].map(ranges => ({ ring, ranges }))
  ]) {
    t.equal((await pull(payload)).statusCode, 400, JSON.stringify(payload).slice(-40))
  }
  t.not(
    (await pull({ ring: ringToJson(ringOf(2, ['127.0.0.1:5009'])), ranges: [] })).statusCode,
    200,
    'another ring'
  )
})
