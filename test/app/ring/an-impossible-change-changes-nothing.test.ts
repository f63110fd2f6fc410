// What cannot be carried out is refused with its code, and neither the ring nor any pair is another
// afterwards.

import t from 'tap'
import { seedAtOnce, startNodes, type TestNode } from '../../support/cluster/nodes.ts'
import { freePort } from '../../support/cluster/ports.ts'
import { dump, isError, isOk, ringOf, sameRing, writeKeys } from '../../support/cluster/ring-changes.ts'

t.test('the last node, unknown nodes and tokens, nothing to give up', async t => {
  const [a, b] = await startNodes(t, 2, { replicas: 1, members: 1 })
  await writeKeys(t, a, 20)
  const before = [await sameRing(t, [a, b]), await dump(a)]
  const update = (body: { [name: string]: string }) => a.ask('/update_ring', { method: 'POST', body })
  for (const query of ['', '?force=true', '?force=false']) {
    isError(t, await b.ask(`/remove_node/${a.address}${query}`), 409, 'KV_ERR_RING_CONFLICT', 'the last node')
    isError(t, await b.ask(`/remove_node/${b.address}${query}`), 404, 'KV_ERR_UNKNOWN_NODE', 'no member')
  }
  isError(t, await update({ ip: a.address, task: 'remove' }), 409, 'KV_ERR_RING_CONFLICT', 'the last node')
  isError(
    t,
    await update({ ip: a.address, key: '9999', task: 'remove' }),
    409,
    'KV_ERR_RING_CONFLICT',
    'the last token'
  )
  isError(
    t,
    await update({ ip: a.address, key: '9998', task: 'remove' }),
    404,
    'KV_ERR_UNKNOWN_NODE',
    'a token that nobody has'
  )
  isError(
    t,
    await update({ ip: b.address, key: '9999', task: 'remove' }),
    404,
    'KV_ERR_UNKNOWN_NODE',
    'the token of another'
  )
  isError(t, await b.ask('/ring/abort', { method: 'POST' }), 409, 'KV_ERR_RING_CONFLICT', 'no change')
  t.same([await sameRing(t, [a, b]), await dump(a)], before)
})

t.test('without a ring', async t => {
  const [a, b] = await startNodes(t, 2, { seeded: false })
  for (const path of [
    `/add_node/1/${a.address}`,
    `/add_node/1/${b.address}`,
    `/remove_node/${a.address}`,
    `/remove_node/${a.address}?force=true`,
    '/ring/changes'
  ]) {
    isError(t, await a.ask(path), 503, 'KV_ERR_NO_RING', path)
  }
  for (const path of ['/update_ring', '/ring/plan', '/ring/abort']) {
    isError(
      t,
      await a.ask(path, { method: 'POST', body: { ip: b.address, key: '1', task: 'add' } }),
      503,
      'KV_ERR_NO_RING',
      path
    )
  }
  isError(t, await b.ask('/readyz'), 503, 'KV_ERR_NO_RING', 'the other has heard of nothing')
})

t.test('a node that is to receive and does not answer', async t => {
  const [a, b, c] = await startNodes(t, 3, { replicas: 1 })
  await b.stop()
  const before = await ringOf(a)
  const nobody = `127.0.0.1:${await freePort()}`
  isError(t, await a.ask(`/add_node/1/${nobody}`), 503, 'KV_ERR_NODE_NOT_READY', 'nobody is there')
  isError(
    t,
    await a.ask('/update_ring', { method: 'POST', body: { ip: nobody, key: '1', task: 'add' } }),
    503,
    'KV_ERR_NODE_NOT_READY',
    'not for update_ring either'
  )
  isError(
    t,
    await c.ask(`/remove_node/${a.address}`),
    503,
    'KV_ERR_NODE_NOT_READY',
    'b would have to take what a has'
  )
  t.same(await sameRing(t, [a, c]), before)
  t.match((await a.ask('/ring/changes')).json(), { state: 'none' })
  await b.start()
  isOk(t, await c.ask(`/remove_node/${a.address}`), 'once it is there again')
})

t.test('too few members to decide', async t => {
  const [a, b, c] = await startNodes(t, 3, { members: 2 })
  await b.stop()
  const before = await ringOf(a)
  isError(t, await a.ask(`/add_node/1/${c.address}`), 503, 'KV_ERR_MEMBERS', 'one of two is no majority')
  t.same(await ringOf(a), before)
  await b.start()
  isOk(t, await a.ask(`/add_node/1/${c.address}`), 'once it is there again')
})

for (const [name, generation] of [
  ['older', 1000],
  ['newer', 3000]
] as const) {
  t.test(`a member of another cluster, whose ring is ${name}`, async t => {
    const nodes = await startNodes(t, 3, { seeded: false })
    const [a, b, c] = nodes
    const seedOf = (node: TestNode, generation: number) =>
      JSON.stringify({ nodes: [{ ip: node.address, key: 5000 }], replicas: 1, generation })
    await seedAtOnce([a], seedOf(a, 2000))
    await seedAtOnce([b], seedOf(b, generation))
    await nodes[0].ask('/livez')
    await b.ask('/kv/theirs', { method: 'PUT', body: 'x' })
    const before = [await ringOf(a), await ringOf(b)]
    isError(t, await a.ask(`/add_node/1/${b.address}`), 503, 'KV_ERR_NODE_NOT_READY', "it is another's")
    t.same([await ringOf(a), await ringOf(b)], before)
    t.match(await b.ask('/kv/theirs'), { status: 200, text: 'x' })
    isOk(t, await a.ask(`/add_node/1/${c.address}`), 'and nothing is in the way of others')
  })
}
