// Nodes that were seeded with one generation but with other content have different rings of one number.
// Everybody who meets the other says so and is not ready; nothing is done between the two; and seeding all of
// them again ends it.

import t, { type Test } from 'tap'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode, type TestNodes } from '../../support/cluster/nodes.ts'

type Three = TestNodes & [TestNode, TestNode, TestNode]

/** Waits until every node has met another ring. */
async function untilSplit(nodes: TestNodes): Promise<void> {
  for (const node of nodes) {
    await until(
      `${node.address} has met another ring`,
      async () => (await node.ask('/readyz')).json().code === 'KV_ERR_RING_SPLIT'
    )
  }
}

/** The nodes' own idea of replicas differs, and the seed names none. */
async function setup(t: Test): Promise<Three> {
  const nodes = (await startNodes(t, 3, { seeded: false, ownReplicas: [1, 3, 3] })) as Three
  for (const node of nodes) {
    const seeded = await node.ask('/hash_ring', {
      method: 'POST',
      body: { data: nodes.seedText({ generation: 7, replicas: undefined }) }
    })
    t.equal(seeded.status, 200)
  }
  await untilSplit(nodes)
  return nodes
}

t.test('all of them say so, and what to do', async t => {
  const nodes = await setup(t)
  for (const node of nodes) {
    const answer = await node.ask('/readyz')
    t.match(
      { status: answer.status, ...answer.json() },
      {
        status: 503,
        code: 'KV_ERR_RING_SPLIT',
        message: /generation 7, epoch 1.*seed.*newer generation.*replicas/
      }
    )
  }
  const digests = await Promise.all(nodes.map(async node => (await node.ask('/hash_ring')).json().digest))
  t.match(digests, [/^[0-9a-f]{16}$/, /^[0-9a-f]{16}$/, /^[0-9a-f]{16}$/])
  t.equal(digests[1], digests[2])
  t.not(digests[0], digests[1])
})

t.test('nothing is done between the two', async t => {
  const nodes = (await startNodes(t, 3)) as Three
  const [a, b, c] = nodes
  const present = a.keeper.ring as Ring
  for (const node of nodes) await node.keeper.install({ ...present, epoch: 2, replicas: node === a ? 1 : 3 })
  await untilSplit(nodes)
  t.match(await b.ask('/kv/k', { method: 'PUT', body: 'v' }), { status: 204 }, 'those who agree go on')
  t.match(await a.ask('/cache?key=k'), { status: 404 }, 'the other one was not given it')
  await c.stop()
  const answer = await b.ask('/kv/k', { method: 'PUT', body: 'w' })
  t.match(
    { status: answer.status, ...answer.json() },
    { status: 503, code: 'KV_ERR_QUORUM', message: /nothing was written/ }
  )
  const ring = (await a.ask('/hash_ring')).json()
  for (const [path, body] of [
    ['/internal/pull', { ring, ranges: [[0, 9999]] }],
    ['/internal/tidy', { ring }]
  ] as const) {
    const refused = await b.ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body)
    })
    t.match({ status: refused.status, ...refused.json() }, { status: 503, code: 'KV_ERR_RING_SPLIT' }, path)
  }
  t.match(await b.ask('/ring/changes'), { status: 200 })
})

t.test('a newer generation that settles the replicas ends it', async t => {
  const nodes = await setup(t)
  for (const node of nodes) {
    t.match(
      await node.ask('/hash_ring', {
        method: 'POST',
        body: { data: nodes.seedText({ generation: 8, replicas: 2 }) }
      }),
      { status: 200 }
    )
  }
  await nodes.readyAll()
  t.match(await Promise.all(nodes.map(async node => (await node.ask('/hash_ring')).json())), [
    { generation: 8, replicas: 2 },
    { generation: 8, replicas: 2 },
    { generation: 8, replicas: 2 }
  ])
})
