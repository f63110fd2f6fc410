// A node that has lost its disk and its memory looks like a new one. The operator seeds it again, as the
// operations guide says for a node without a ring; it must not count before it has fetched what it
// acknowledged before.

import t, { type Test } from 'tap'
import { parseSeed } from '../../../src/core/ring/seed.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, untilReady } from '../../support/cluster/nodes.ts'

const KEYS = Array.from({ length: 10 }, (_, i) => `key-${i}`)

/**
 * Three nodes; what is written is acknowledged by `a` and `r`, as `b` is away, and then `r` loses everything.
 */
async function setup(t: Test) {
  const nodes = await startNodes(t, 3)
  const [a, b, r] = nodes
  const { generation } = (await a.ask('/hash_ring')).json()
  await b.stop()
  for (const key of KEYS) {
    t.equal((await a.ask(`/kv/${key}`, { method: 'PUT', body: `of ${key}` })).status, 204)
  }
  await r.stop()
  await b.start()
  await r.start({ empty: true })
  return { nodes, a, b, r, generation: generation as number }
}

for (const [what, later] of [
  ['the same generation', 0],
  ['a newer generation', 1]
] as const) {
  t.test(`seeded with ${what}`, async t => {
    const { nodes, a, b, r, generation } = await setup(t)
    await r.keeper.seed(parseSeed(nodes.seedText({ generation: generation + later }), 3))
    await untilReady(r)
    await a.stop()
    for (const key of KEYS) t.match(await b.ask(`/kv/${key}`), { status: 200, text: `of ${key}` }, key)
  })
}

t.test('seeded while the others cannot be asked', async t => {
  const { nodes, a, b, r, generation } = await setup(t)
  await a.stop()
  await r.keeper.seed(parseSeed(nodes.seedText({ generation }), 3))
  const statuses = await Promise.all(KEYS.map(async key => (await b.ask(`/kv/${key}`)).status))
  t.same(new Set(statuses), new Set([503]), 'it counts for no quorum')
  t.match((await r.ask('/readyz')).json(), { code: 'KV_ERR_RECOVERING' })
  await a.start()
  await untilReady(r)
  for (const key of KEYS) t.match(await b.ask(`/kv/${key}`), { status: 200, text: `of ${key}` }, key)
})

t.test('what it has voted for before is not forgotten either', async t => {
  const { nodes, r, generation } = await setup(t)
  await r.keeper.seed(parseSeed(nodes.seedText({ generation }), 3))
  const present = r.keeper.ring
  t.match(
    await r.keeper.vote({
      present: present as NonNullable<typeof present>,
      ballot: { round: 1_000, tie: 1 }
    }),
    { kind: 'promised', forgetful: true }
  )
})

t.test('new nodes that are seeded one after the other count at once', async t => {
  const nodes = await startNodes(t, 3, { seeded: false })
  const data = nodes.seedText({ generation: 1_700_000_000_000 })
  for (const node of nodes) {
    t.equal((await node.ask('/hash_ring', { method: 'POST', body: { data } })).status, 200)
    t.equal((await node.ask('/readyz')).status, 200)
  }
  t.same(new Set(nodes.map(node => node.keeper.ring?.epoch)), new Set([1]))
})

t.test('new nodes of which one starts while the first is seeded', async t => {
  const nodes = await startNodes(t, 3, { seeded: false, replicas: 1 })
  const data = nodes.seedText({ generation: 1_700_000_000_000 })
  const [a, , c] = nodes
  await c.stop()
  const seeded = a.ask('/hash_ring', { method: 'POST', body: { data } })
  await c.start()
  t.equal((await seeded).status, 200)
  const { ring } = a.keeper
  t.match(await a.keeper.vote({ present: ring as NonNullable<typeof ring>, ballot: { round: 1, tie: 1 } }), {
    kind: 'promised',
    forgetful: false
  })
})

t.test('new nodes of which one was not there when the others were seeded', async t => {
  const nodes = await startNodes(t, 3, { seeded: false })
  const data = nodes.seedText({ generation: 1_700_000_000_000 })
  const [a, b, c] = nodes
  await c.stop()
  for (const node of [a, b]) {
    t.equal((await node.ask('/hash_ring', { method: 'POST', body: { data } })).status, 200)
  }
  await c.start()
  await nodes.readyAll()
  await until('all have the same ring', () => new Set(nodes.map(node => node.keeper.ring?.epoch)).size === 1)
  t.equal((await a.ask('/kv/key', { method: 'PUT', body: 'x' })).status, 204)
})
