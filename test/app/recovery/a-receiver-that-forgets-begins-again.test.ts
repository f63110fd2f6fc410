// A receiver whose storage comes back empty: while it is still waited for, after it has received, or as a
// process that ends. Nothing is lost.

import t from 'tap'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, untilReady, type TestNode } from '../../support/cluster/nodes.ts'
import {
  changesOf,
  checkKeys,
  createGate,
  isOk,
  ringOf,
  sameRing,
  writeKeys
} from '../../support/cluster/ring-changes.ts'

for (const replicas of [1, 2, 3]) {
  t.test(`in the middle, with ${replicas} replicas`, async t => {
    const gate = createGate()
    const nodes = await startNodes(t, 4, { replicas, members: 3, wrap: gate.wrap })
    const [a, , , d] = nodes
    const keys = await writeKeys(t, a, 80)
    gate.close()
    const adding = a.ask(`/add_node/4500/${d.address}`)
    await gate.held()
    await until('some have come', async () => (await d.storage.stats()).pairs > 0)
    d.forget()
    await until('it has noticed', async () => (await d.ask('/readyz')).status === 503)
    t.match(await changesOf(a), { state: 'under way' })
    gate.open()
    isOk(t, await adding, 'it ends')
    await untilReady(d)
    await checkKeys(t, nodes, keys, 'afterwards')
    await sameRing(t, nodes)
  })
}

t.test('its process ends in the middle, with its pairs or without', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 4, { replicas: 1, members: 2, wrap: gate.wrap })
  const [a, b, c, d] = nodes
  const keys = await writeKeys(t, a, 80)
  for (const [node, token, empty] of [
    [c, 4500, false],
    [d, 9500, true]
  ] as const) {
    gate.close()
    const adding = b.ask(`/add_node/${token}/${node.address}`)
    await gate.held()
    await until('some have come', async () => (await node.storage.stats()).pairs > 0)
    await node.stop()
    gate.open()
    await node.start({ empty })
    isOk(t, await adding, 'it ends')
    await untilReady(node)
    await checkKeys(
      t,
      nodes.filter(one => one === node || one === a || one === b),
      keys,
      'afterwards'
    )
  }
})

t.test('after it has received, while others have not', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 4, { replicas: 2, wrap: gate.wrap })
  const [a, b, c, d] = nodes
  const keys = await writeKeys(t, a, 80)
  // Without d: a takes from c what both c and d have, and b from d what d and a have; that is held back.
  gate.close(3)
  const removing = a.ask(`/remove_node/${d.address}`)
  let done: string | undefined
  await until('one has received, another not', async () => {
    const { receivers } = await changesOf(b)
    done = receivers?.find(({ received }: { received: boolean }) => received)?.node
    return done !== undefined && receivers.some(({ received }: { received: boolean }) => !received)
  })
  const forgetful = nodes.find(({ address }) => address === done) as TestNode
  forgetful.forget()
  await until('it has noticed', async () => (await forgetful.ask('/readyz')).status === 503)
  gate.open()
  isOk(t, await removing, 'it ends')
  await untilReady(forgetful)
  await checkKeys(t, nodes, keys, 'afterwards')
  t.same((await ringOf(c))._sorted_keys.length, 3)
})
