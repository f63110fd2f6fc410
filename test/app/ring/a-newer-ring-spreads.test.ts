// Whoever has the newer ring tells the others, by the next frame or by gossip; a client notices nothing but
// the epoch.

import t from 'tap'
import { ringFromJson } from '../../../src/core/ring/ring-json.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode, type TestNodes } from '../../support/cluster/nodes.ts'

/** The present ring with a higher epoch. */
async function nextRing(node: TestNode) {
  const json = (await node.ask('/hash_ring')).json()
  return ringFromJson({ ...json, epoch: json.epoch + 1 })
}

const epochs = (nodes: TestNodes) =>
  Promise.all(nodes.map(async node => (await node.ask('/hash_ring')).json().epoch))

t.test('one node is seeded, and the others learn it by gossip and are ready', async t => {
  const nodes = await startNodes(t, 3, { seeded: false })
  t.equal(
    (await (nodes[1] as TestNode).ask('/hash_ring', { method: 'POST', body: { data: nodes.seedText() } }))
      .status,
    200
  )
  await nodes.readyAll()
  // Those who learned it had to recover, and renewed it for that.
  await until('all have the same', async () => new Set(await epochs(nodes)).size === 1)
})

t.test('a coordinator that is behind is put right within the request', async t => {
  const nodes = await startNodes(t, 3)
  const [first, second, third] = nodes
  await third.stop()
  const ring = await nextRing(first)
  await second.keeper.install(ring)
  // With one of three down, the quorum needs the node that is ahead.
  const written = await first.ask('/route', { method: 'POST', body: { key: 'key', val: 'value' } })
  t.match(written, { status: 200, headers: { 'x-ring-epoch': '2' } })
  t.match(await first.ask('/route?key=key'), { status: 200, text: 'value' })
})

t.test('a replica that is behind is put right within the request', async t => {
  const nodes = await startNodes(t, 3)
  const [first, , third] = nodes
  await third.stop()
  await first.keeper.install(await nextRing(first))
  const written = await first.ask('/route', { method: 'POST', body: { key: 'key', val: 'value' } })
  t.match(written, { status: 200, headers: { 'x-ring-epoch': '2' } })
})

t.test('clients notice nothing while rings change', async t => {
  const nodes = await startNodes(t, 3)
  const [first] = nodes
  const over = new AbortController()
  const failures: string[] = []
  const clients = nodes.flatMap((node, n) =>
    [0, 1, 2].map(async c => {
      for (let i = 0; !over.signal.aborted; i++) {
        const key = `${n}-${c}`
        const written = await node.ask('/route', { method: 'POST', body: { key, val: String(i) } })
        const read = await node.ask(`/route?key=${key}`)
        if (written.status !== 200 || read.text !== String(i)) {
          failures.push(`${written.status} ${written.text} ${read.status} ${read.text}`)
        }
      }
    })
  )
  for (let change = 0; change < 12; change++) {
    const chosen = nodes[change % nodes.length] as TestNode
    await chosen.keeper.install(await nextRing(chosen))
    const { epoch } = (await chosen.ask('/hash_ring')).json()
    await until('all have it', async () => (await epochs(nodes)).every(one => one === epoch))
  }
  over.abort()
  await Promise.all(clients)
  t.same(failures, [])
  t.same((await first.ask('/hash_ring')).json().epoch, 13)
})

t.test('gossip alone brings a quiet cluster to one ring', async t => {
  const nodes = await startNodes(t, 3)
  const [first] = nodes
  await first.keeper.install(await nextRing(first))
  await until('all have it', async () => (await epochs(nodes)).every(one => one === 2))
})

t.test('a node that restarted without a ring learns it and takes part', async t => {
  const nodes = await startNodes(t, 3)
  const [first, second] = nodes
  await first.ask('/route', { method: 'POST', body: { key: 'key', val: 'value' } })
  await second.stop()
  await second.start({ empty: true })
  t.comment(`at first: ${(await second.ask('/readyz')).text}`)
  await nodes.readyAll()
  t.match(await second.ask('/cache?key=key'), { status: 200, text: 'value' })
})
