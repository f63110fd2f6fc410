// The ring over HTTP, with a keeper that the test directs: what an operator seeds, what everybody may read,
// and whether the node says that it is behind.

import fastify from 'fastify'
import t from 'tap'
import requests from '../../../plugins/requests/index.ts'
import ringPlugin from '../../../plugins/ring/index.ts'
import { KvError } from '../../../src/errors.ts'
import { type Keeper } from '../../../src/keeper/keeper.ts'
import { digestOf } from '../../../src/core/ring/digest.ts'
import { ringToJson } from '../../../src/core/ring/ring-json.ts'
import { type Seed } from '../../../src/core/ring/seed.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { NODE, OTHER, ringOf } from '../../keeper/keeper-fakes.ts'

async function setup() {
  const seeds: Seed[] = []
  const keeper = {
    answers: true,
    install: async () => {},
    async seed(seed: Seed) {
      seeds.push(seed)
    }
  } as unknown as { -readonly [name in keyof Keeper]: Keeper[name] }
  const app = fastify()
  await app.register(requests)
  await app.register(ringPlugin, { node: NODE, keeper, replicas: 3 })
  const seed = (payload: object) => app.inject({ method: 'POST', url: '/hash_ring', payload })
  return { app, keeper, seeds, seed }
}

const nodes = [
  { ip: NODE, key: 1000 },
  { ip: OTHER, key: 2000 }
]

t.test('a seed reaches the keeper', async t => {
  const { seed, seeds } = await setup()
  const { statusCode, body, headers } = await seed({ data: JSON.stringify({ nodes }) })
  t.match(
    { statusCode, body, headers },
    { statusCode: 200, body: 'OK', headers: { 'content-type': /^text\/plain/ } }
  )
  await seed({ data: JSON.stringify({ nodes, replicas: 2, generation: 7 }) })
  const { tokens } = ringOf(1)
  t.same(seeds, [
    { tokens, replicas: 3, generation: undefined },
    { tokens, replicas: 2, generation: 7 }
  ])
})

t.test('what is no seed does not', async t => {
  const { seed, seeds } = await setup()
  t.match((await seed({})).json(), { code: 'KV_ERR_RING_INVALID', message: /missing/ })
  t.match((await seed({ data: 5 })).json(), { code: 'KV_ERR_RING_INVALID', message: /missing/ })
  t.match((await seed({ data: '{}' })).json(), { code: 'KV_ERR_RING_INVALID' })
  t.same(seeds, [])
})

t.test('the ring and the owner of a key', async t => {
  const { app } = await setup()
  for (const url of ['/hash_ring', '/route_test?key=a']) {
    t.match((await app.inject(url)).json(), { code: 'KV_ERR_NO_RING' }, `${url} before there is a ring`)
  }
  const ring = ringOf(3)
  await app.ring.switchTo(ring)
  const read = await app.inject('/hash_ring')
  t.same(read.json(), { ...ringToJson(ring), digest: digestOf(ring) })
  t.equal(read.headers.etag, '"3"')
  const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l']
  const owners = await Promise.all(keys.map(key => app.inject(`/route_test?key=${key}`)))
  t.same(
    owners.map(({ body }) => body),
    keys.map(key => app.ring.view?.placement.owner(slotOf(key)))
  )
  t.match(owners[0]?.headers, { 'content-type': 'text/plain; charset=utf-8' })
})

t.test('a node is behind while a newer ring cannot come into force here', async t => {
  const { app, keeper } = await setup()
  t.equal(app.ring.node, NODE)
  t.equal(app.ring.isBehind(), false)
  const fails = (code: 'KV_ERR_INSTALL' | 'KV_ERR_RING_CONFLICT') => {
    keeper.install = async () => {
      throw new KvError(code)
    }
    return t.rejects(app.ring.install(ringOf(4)), { code })
  }
  await fails('KV_ERR_INSTALL')
  t.equal(app.ring.isBehind(), true)
  await fails('KV_ERR_RING_CONFLICT')
  t.equal(app.ring.isBehind(), false, 'one of another cluster is not newer')
  await fails('KV_ERR_INSTALL')
  keeper.install = async () => {}
  await app.ring.install(ringOf(4))
  t.equal(app.ring.isBehind(), false)
  t.equal(app.ring.hasKeeper(), true)
  keeper.answers = false
  t.equal(app.ring.hasKeeper(), false)
})
