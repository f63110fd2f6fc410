// A node without a ring learns it when it is added, by GET or by POST, through any node that has a ring by
// then.

import t from 'tap'
import { seedAtOnce, startNodes, untilReady } from '../../support/cluster/nodes.ts'
import { checkKeys, isError, isOk, sameRing, writeKeys } from '../../support/cluster/ring-changes.ts'

t.test('by GET and by POST, whatever is in the body', async t => {
  const nodes = await startNodes(t, 3, { seeded: false })
  const [a, b, c] = nodes
  await seedAtOnce(
    [a],
    JSON.stringify({ nodes: [{ ip: a.address, key: 5000 }], replicas: 2, generation: 1000 })
  )
  await untilReady(a)
  const keys = await writeKeys(t, a, 40)
  isError(t, await b.ask('/readyz'), 503, 'KV_ERR_NO_RING', 'it has no ring')
  isOk(t, await a.ask(`/add_node/2500/${b.address}`), 'by GET')
  isOk(
    t,
    await b.ask(`/add_node/7500/${c.address}`, { method: 'POST' }),
    'by POST, through the one that is new'
  )
  t.match(await sameRing(t, nodes), {
    ring: { 2500: b.address, 5000: a.address, 7500: c.address },
    generation: 1000,
    replicas: 2,
    _sorted_keys: [2500, 5000, 7500]
  })
  await checkKeys(t, nodes, keys, 'after both')
  for (const node of nodes) t.match(await node.ask('/readyz'), { status: 200 })
  isOk(
    t,
    await b.ask(`/remove_node/${a.address}`, { method: 'POST', body: { any: 'thing' } }),
    'by POST with a form'
  )
  isOk(
    t,
    await b.ask(`/add_node/1/${encodeURIComponent(a.address)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}'
    }),
    'percent-encoded, with JSON'
  )
  await checkKeys(t, nodes, keys, 'a left and came back')
})
