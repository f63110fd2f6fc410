// Nodes measure how far their clocks are apart. `/readyz` tells it, and the one that most of the others agree
// to be off is not ready.

import t from 'tap'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const SKEWED_MS = 100_000

const told = async (node: TestNode) => {
  const answer = await node.ask('/readyz')
  return { status: answer.status, ...answer.json() }
}

t.test('of three nodes the odd one out', async t => {
  let skewMs = SKEWED_MS
  const nodes = await startNodes(t, 3, { wallMs: index => Date.now() + (index === 2 ? skewMs : 0) })
  const [a, b, odd] = nodes
  await until('it is noticed', async () => (await told(odd)).code === 'KV_ERR_CLOCK')
  t.match(await told(odd), { status: 503, message: /100\.0 s ahead of.*NTP/ })
  for (const node of [a, b]) {
    await until('it is told', async () => (await told(node)).clockSkewMs !== undefined)
    const { status, clockSkewMs } = await told(node)
    t.equal(status, 200, 'the others serve')
    t.ok(Math.abs(clockSkewMs - SKEWED_MS) < 1_000, `${clockSkewMs} ms`)
  }
  skewMs = 0
  for (const node of nodes) {
    await until(
      'it is over',
      async () => (await told(node)).ready === true && (await told(node)).clockSkewMs === undefined
    )
  }
})

t.test('of two nobody can tell: both serve and tell it', async t => {
  const nodes = await startNodes(t, 2, { wallMs: index => Date.now() - (index === 1 ? SKEWED_MS : 0) })
  for (const node of nodes) {
    await until('it is told', async () => Math.abs((await told(node)).clockSkewMs ?? 0) > SKEWED_MS / 2)
  }
  const [a, behind] = [await told(nodes[0]), await told(nodes[1])]
  t.match([a, behind], [{ status: 200 }, { status: 200 }])
  t.ok(a.clockSkewMs < 0 && behind.clockSkewMs > 0, 'it is told whose clock is ahead')
})

t.test('some seconds: all serve and tell it', async t => {
  const nodes = await startNodes(t, 3, { wallMs: index => Date.now() + 5_000 * index })
  for (const node of nodes) {
    await until('it is told', async () => Math.abs((await told(node)).clockSkewMs ?? 0) > 4_000)
  }
  for (const node of nodes) t.match(await told(node), { status: 200, ready: true })
})

t.test('clocks that agree: nothing is told', async t => {
  const [node] = await startNodes(t, 2)
  await node.app.peers.channel((await node.ask('/hash_ring')).json().ring[9999]).greet()
  t.strictSame((await node.ask('/readyz')).json(), { ready: true, node: node.address })
})
