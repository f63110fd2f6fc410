// With three replicas a change goes on while a member is down, which finds its place when it comes back; and
// one that has lost its votes, by a restart without files, holds up nothing either.

import t from 'tap'
import { startNodes, untilReady, type TestNode } from '../../support/cluster/nodes.ts'
import { checkKeys, createGate, isOk, sameRing, writeKeys } from '../../support/cluster/ring-changes.ts'

t.test('down from the beginning, or from the middle on', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 5, { replicas: 3, members: 4, wrap: gate.wrap })
  const [a, b, c, d, e] = nodes
  const keys = await writeKeys(t, a, 60)
  await d.stop()
  isOk(t, await b.ask(`/add_node/1000/${e.address}`), 'd is down from the beginning')
  await checkKeys(t, [a, b, c, e], keys, 'while it is down')
  t.match(await e.ask('/kv/new', { method: 'PUT', body: 'of new' }), { status: 204 })
  await d.start()
  await untilReady(d)
  await checkKeys(t, [d], [...keys, 'new'], 'when it is back')
  await sameRing(t, nodes)

  gate.close()
  const adding = e.ask(`/add_node/6000/${a.address}`)
  await gate.held()
  await c.stop()
  gate.open()
  isOk(t, await adding, 'c is down from the middle on')
  await checkKeys(t, [a, b, d, e], [...keys, 'new'], 'while it is down')
  await c.start()
  await untilReady(c)
  await checkKeys(t, [c], [...keys, 'new'], 'when it is back')
  await sameRing(t, nodes)
})

t.test('voters that have lost their votes', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 4, { replicas: 3, members: 3, wrap: gate.wrap })
  const [a, b, c, d] = nodes
  const keys = await writeKeys(t, a, 60)
  const restart = async (node: TestNode) => {
    await node.stop()
    await node.start()
    await untilReady(node)
  }
  await restart(b)
  isOk(t, await a.ask(`/add_node/1000/${d.address}`), 'one')
  for (const node of nodes) await restart(node)
  isOk(t, await b.ask(`/remove_node/${d.address}`), 'all')
  gate.close()
  const adding = a.ask(`/add_node/1000/${d.address}`)
  await gate.held()
  await restart(c)
  gate.open()
  isOk(t, await adding, 'one in the middle')
  await checkKeys(t, nodes, keys, 'afterwards')
  await sameRing(t, nodes)
})
