// A ring that names a node which was seeded into another cluster: that node refuses and is refused, whoever's
// generation is newer, and neither cluster drags the other along.

import t, { type Test } from 'tap'
import { applySeed, parseSeed } from '../../../src/core/ring/seed.ts'
import { sentinelText } from '../../../src/core/ring/sentinel.ts'
import { seedAtOnce, startNodes, type TestNode, type TestNodes } from '../../support/cluster/nodes.ts'

type Four = TestNodes & [TestNode, TestNode, TestNode, TestNode]

/** Nodes 0 and 1 believe in a ring with 2; 2 and 3 have one of their own, of the given generation. */
async function setup(t: Test, generation: number): Promise<Four> {
  const nodes = (await startNodes(t, 4, { seeded: false })) as Four
  const ring = (members: TestNode[], generation: number) =>
    JSON.stringify({
      nodes: members.map(({ address }, i) => ({ ip: address, key: 3000 * (i + 1) })),
      replicas: 3,
      generation
    })
  const [a, b, c, d] = nodes
  await seedAtOnce([c, d], ring([c, d], generation))
  // They have had theirs since before c was taken away: a seed that names a node of another cluster would
  // wait for it.
  const sentinel = sentinelText({
    ring: applySeed(undefined, parseSeed(ring([a, b, c], 1000), 3), 0),
    repairedMs: Date.now()
  })
  for (const node of [a, b]) await node.record.add(sentinel)
  await nodes.readyAll()
  return nodes
}

const ringsOf = (nodes: TestNodes) =>
  Promise.all(nodes.map(async node => (await node.ask('/hash_ring')).json()))

t.test('a node of a newer generation', async t => {
  const nodes = await setup(t, 2000)
  const [a, b, c, d] = nodes
  const before = await ringsOf(nodes)
  for (let i = 0; i < 20; i++) {
    t.match(
      await a.ask('/route', { method: 'POST', body: { key: `k${i}`, val: 'one' } }),
      { status: 200 },
      'two of three are a quorum'
    )
    t.match(await d.ask('/route', { method: 'POST', body: { key: `k${i}`, val: 'two' } }), { status: 200 })
    t.match(await b.ask(`/route?key=k${i}`), { text: 'one' })
    t.match(await c.ask(`/route?key=k${i}`), { text: 'two' })
  }
  t.same(await ringsOf(nodes), before)
  await b.stop()
  for (const [method, path] of [
    ['GET', '/route?key=k'],
    ['PUT', '/kv/k'],
    ['DELETE', '/route?key=k']
  ] as const) {
    const answer = await a.ask(path, { method, ...(method === 'PUT' && { body: 'x' }) })
    t.match(
      { status: answer.status, ...answer.json() },
      { status: 503, code: 'KV_ERR_QUORUM', message: /^too few replicas/ }
    )
    t.notMatch(answer.json().message, /outcome unknown/, 'nothing was done')
  }
})

t.test('a frame of another cluster with a newer ring that does not name this node', async t => {
  const nodes = await setup(t, 2000)
  const [a, b, c, d] = nodes
  // The second cluster moves on without c, which still believes in the older ring.
  const data = JSON.stringify({ nodes: [{ ip: d.address, key: 1 }], replicas: 3, generation: 3000 })
  await d.ask('/hash_ring', { method: 'POST', body: { data } })
  const before = await ringsOf(nodes)
  const answer = await c.ask('/route', { method: 'POST', body: { key: 'k', val: 'v' } })
  t.match({ status: answer.status, ...answer.json() }, { status: 503, code: 'KV_ERR_QUORUM' })
  t.match(await d.ask('/route', { method: 'POST', body: { key: 'k', val: 'v' } }), { status: 200 })
  t.match(await a.ask('/route', { method: 'POST', body: { key: 'k', val: 'v' } }), { status: 200 })
  t.match(await b.ask('/route?key=k'), { text: 'v' })
  t.same(await ringsOf(nodes), before)
})
