// How soon another ring of the same number is met: nodes that were just seeded tell each other no ring, but
// ask all others at once which one they have; later, a frame with another digest makes a node ask all others
// at its next greeting, as the frame does not tell who sent it.

import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { digestOf } from '../../../src/core/ring/digest.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { encodeRequest } from '../../../src/core/messages/frame.ts'
import { GOSSIP_MS } from '../../../plugins/peers/limits.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode, type TestNodes } from '../../support/cluster/nodes.ts'

const code = async (node: TestNode) => (await node.ask('/readyz')).json().code
const untilSplit = (node: TestNode) =>
  until(`${node.address} has met another ring`, async () => (await code(node)) === 'KV_ERR_RING_SPLIT')

/**
 * Nodes whose looks come when the test says; all greet the last node of their ring that they are not
 * themselves.
 */
async function start(t: Test, count: number, options: object): Promise<TestNodes> {
  mock.timers.enable({ apis: ['setInterval'] })
  mock.method(Math, 'random', () => 0.999)
  t.teardown(() => {
    mock.timers.reset()
    mock.restoreAll()
  })
  return startNodes(t, count, options)
}

t.test('just after the seeding', async t => {
  const nodes = await start(t, 4, { seeded: false, ownReplicas: [1, 3, 3, 3] })
  for (const node of nodes) {
    await node.ask('/hash_ring', {
      method: 'POST',
      body: { data: nodes.seedText({ generation: 7, replicas: undefined }) }
    })
  }
  mock.timers.tick(GOSSIP_MS)
  for (const node of nodes) await untilSplit(node)
})

t.test('later', async t => {
  const nodes = await start(t, 4, { seeded: true })
  const [a, b] = nodes as unknown as [TestNode, TestNode]
  const ring = a.keeper.ring as Ring
  for (const node of nodes) await node.keeper.install({ ...ring, epoch: 2, replicas: node === a ? 1 : 3 })
  await nodes.readyAll()
  mock.timers.tick(GOSSIP_MS)
  await untilSplit(a)
  t.equal(await code(b), undefined, 'b has greeted another node')
  const body = encodeRequest({
    ring: { ...ring, epoch: 2 },
    digest: digestOf(ring),
    ringJson: undefined,
    operations: []
  })
  t.equal(
    (
      await b.ask('/internal/ops', {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body
      })
    ).status,
    409
  )
  t.equal(await code(b), undefined, 'a frame proves nothing')
  mock.timers.tick(GOSSIP_MS)
  await untilSplit(b)
})
