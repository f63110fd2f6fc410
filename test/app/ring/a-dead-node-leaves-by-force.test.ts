// `?force=true`: nobody waits for the node that is dead. With several replicas nothing is lost; what only the
// dead held is, and the answer says so. Should it come back, it is no member, and what it held does not come
// back with it.

import t from 'tap'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode, type TestNodes } from '../../support/cluster/nodes.ts'
import { freePort } from '../../support/cluster/ports.ts'
import {
  changesOf,
  checkKeys,
  createGate,
  isError,
  isOk,
  ringOf,
  sameRing,
  untilEmpty,
  writeKeys
} from '../../support/cluster/ring-changes.ts'

type Four = TestNodes & [TestNode, TestNode, TestNode, TestNode]

t.test('with three replicas nothing is lost, not even while it goes on', async t => {
  const gate = createGate()
  const nodes = (await startNodes(t, 4, { replicas: 3, wrap: gate.wrap })) as Four
  const [a, b, c, d] = nodes
  const keys = await writeKeys(t, a, 60)
  await d.stop()
  isError(t, await a.ask(`/remove_node/${d.address}?force=maybe`), 400, 'KV_ERR_MALFORMED', 'true or false')
  gate.close()
  const answers = [a, b, c].map(node => node.ask(`/remove_node/${d.address}?force=true`, { method: 'POST' }))
  await gate.held()
  await checkKeys(t, [a, b, c], keys, 'in the middle')
  t.match(await changesOf(b), { state: 'under way', gone: [d.address] })
  t.match(await a.ask('/kv/new', { method: 'PUT', body: 'x' }), { status: 204 })
  isError(
    t,
    await a.ask('/ring/abort', { method: 'POST' }),
    409,
    'KV_ERR_RING_CONFLICT',
    'the dead cannot be taken back'
  )
  gate.open()
  for (const answer of await Promise.all(answers)) {
    isOk(t, answer, 'gone')
    t.equal(answer.headers.warning, undefined)
  }
  const ring = await sameRing(t, [a, b, c])
  t.match([Object.keys(ring.ring).length, ring.gone, ring.next], [3, undefined, undefined])
  await checkKeys(t, [a, b, c], keys, 'without it')
  isError(t, await b.ask(`/remove_node/${d.address}?force=true`), 404, 'KV_ERR_UNKNOWN_NODE', 'it is gone')
  await d.start()
  await untilEmpty(d)
  await until('it is ready', async () => (await d.ask('/readyz')).status === 200)
  t.same((await ringOf(d)).ring, ring.ring, 'it is back as no member')
  await checkKeys(t, [d], keys, 'through the one that came back')
  t.match(await d.ask('/kv/new'), { text: 'x' })
})

t.test('with one replica its keys are gone, and stay so', async t => {
  const nodes = await startNodes(t, 3, { replicas: 1 })
  const [a, b, c] = nodes
  const keys = await writeKeys(t, a, 60)
  const lost = (await c.ask('/fetch_keys')).json().map(([key]: [string]) => key)
  t.ok(lost.length > 5)
  await c.stop()
  const answer = await b.ask(`/remove_node/${c.address}?force=true`)
  isOk(t, answer, 'gone')
  t.equal(answer.headers.warning, `199 - "what only ${c.address} held is lost"`)
  const check = async (nodes: readonly TestNode[]) => {
    await checkKeys(
      t,
      nodes,
      keys.filter(key => !lost.includes(key)),
      'what others held'
    )
    for (const key of lost) t.match(await (nodes[0] as TestNode).ask(`/kv/${key}`), { status: 404 })
  }
  await check([a, b])
  await c.start()
  isOk(t, await a.ask(`/add_node/9998/${c.address}`), 'added again, with the pairs of before')
  await check(nodes)
})

t.test('several that are dead', async t => {
  const [a, b, c, d] = (await startNodes(t, 4, { replicas: 2 })) as Four
  const keys = await writeKeys(t, a, 60)
  const held = await Promise.all(
    [b, c].map(async node => (await node.ask('/fetch_keys')).json().map(([key]: [string]) => key))
  )
  const lost = keys.filter(key => held.every(list => list.includes(key)))
  t.ok(lost.length > 5)
  await b.stop()
  await c.stop()
  isError(
    t,
    await a.ask(`/remove_node/${b.address}?force=true`),
    503,
    'KV_ERR_MEMBERS',
    'one of them: somebody else may take the other half for dead'
  )
  t.match(await sameRing(t, [a, d]), { epoch: 1 })
  const both = await a.ask(`/remove_node/${b.address}?force=true&also=${c.address}`)
  isOk(t, both, 'both, by name')
  t.equal(both.headers.warning, `199 - "what only ${b.address} and ${c.address} held is lost"`)
  t.match(await sameRing(t, [a, d]), { _sorted_keys: [2499, 9999] })
  await checkKeys(
    t,
    [a, d],
    keys.filter(key => !lost.includes(key)),
    'what others held'
  )
  for (const key of lost) t.match(await a.ask(`/kv/${key}`), { status: 404 })
})

t.test('a dead one that holds up a change', async t => {
  const gate = createGate()
  const nodes = (await startNodes(t, 4, { replicas: 3, members: 3, wrap: gate.wrap })) as Four
  const [a, b, c, d] = nodes
  const keys = await writeKeys(t, a, 60)
  gate.close()
  const adding = a.ask(`/add_node/2000/${d.address}`)
  await gate.held()
  await d.stop()
  gate.open()
  isOk(t, await b.ask(`/remove_node/${d.address}?force=true`), 'the receiver')
  isError(t, await adding, 409, 'KV_ERR_RING_CONFLICT', 'who waited for it')
  t.match(await sameRing(t, [a, b, c]), { epoch: 3, _sorted_keys: [3332, 6665, 9999] })
  await checkKeys(t, [a, b, c], keys, 'as before')
  await d.start()
  await untilEmpty(d)

  gate.close()
  const again = a.ask(`/add_node/2000/${d.address}`)
  await gate.held()
  await c.stop()
  const forced = b.ask(`/remove_node/${c.address}?force=true`)
  await until('it takes the place of the change', async () => (await ringOf(b)).gone?.[0] === c.address)
  gate.open()
  isOk(t, await forced, 'a member')
  isError(t, await again, 409, 'KV_ERR_RING_CONFLICT', 'who waited for the other')
  t.match(await sameRing(t, [a, b]), { _sorted_keys: [3332, 6665] })
  await checkKeys(t, [a, b, d], keys, 'with two left')
  isOk(t, await b.ask(`/add_node/2000/${d.address}`), 'the change can be made afterwards')
  await checkKeys(t, [a, b, d], keys, 'with d')
  isError(
    t,
    await a.ask(`/remove_node/127.0.0.1:${await freePort()}?force=true`),
    404,
    'KV_ERR_UNKNOWN_NODE',
    'nobody knows it'
  )
})
