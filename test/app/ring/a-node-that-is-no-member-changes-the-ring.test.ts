// A node with a ring but no token takes requests for changes as any other. Nobody tells it of the ring's
// steps, so it asks: what it believes of the ring may be old, and is no ground for an answer.

import t from 'tap'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes } from '../../support/cluster/nodes.ts'
import {
  changesOf,
  checkKeys,
  createGate,
  isError,
  isOk,
  ringOf,
  sameRing,
  writeKeys
} from '../../support/cluster/ring-changes.ts'

t.test('what it believes to be done already is done', async t => {
  const [a, b, c] = await startNodes(t, 3, { replicas: 2, members: 2 })
  const update = (task: string) =>
    a.ask('/update_ring', { method: 'POST', body: { ip: b.address, key: '1', task } })
  // Gossip is quicker now and then.
  await until('c does not know', async () => {
    isOk(t, await c.ask(`/add_node/1/${b.address}`), 'added through c')
    isOk(t, await update('remove'), 'removed through a')
    return (await ringOf(c)).ring[1] === b.address
  })
  const { epoch } = await ringOf(a)
  isOk(t, await c.ask(`/add_node/1/${b.address}`), 'added through c')
  t.match(await sameRing(t, [a, b, c]), { epoch: epoch + 1, ring: { 1: b.address } })
  isOk(t, await update('remove'), 'removed through a')
  isError(
    t,
    await c.ask('/update_ring', { method: 'POST', body: { ip: b.address, key: '1', task: 'remove' } }),
    404,
    'KV_ERR_UNKNOWN_NODE',
    'it is not there'
  )
  t.equal((await sameRing(t, [a, b, c])).epoch, epoch + 2)
  isOk(t, await update('add'), 'added through a')
  t.match(
    (await c.ask('/ring/plan', { method: 'POST', body: { ip: b.address, key: '1', task: 'add' } })).json(),
    { slots: 0, to: { 1: b.address } }
  )
  isOk(t, await update('remove'), 'removed through a')
  t.match(await changesOf(c), { state: 'done', epoch: epoch + 4, to: { 4999: a.address } })
})

t.test('a change of others, from its beginning to its end', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 4, { replicas: 1, members: 2, wrap: gate.wrap })
  const [a, b, c, d] = nodes
  const keys = await writeKeys(t, a, 60)
  gate.close()
  const adding = a.ask(`/add_node/2000/${c.address}`)
  await gate.held()
  t.comment(`d ${(await ringOf(d)).epoch === 1 ? 'does not know' : 'has learned it already'}`)
  const same = d.ask(`/add_node/2000/${c.address}`)
  await until('it has asked', async () => (await ringOf(d)).epoch === 2)
  isError(t, await d.ask(`/remove_node/${b.address}`), 409, 'KV_ERR_RING_CONFLICT', 'another is under way')
  t.match(await changesOf(d), { state: 'under way' })
  gate.open()
  isOk(t, await same, 'it waits for it')
  isOk(t, await adding, 'as the other does')
  t.equal((await sameRing(t, nodes)).epoch, 3)
  gate.close()
  isOk(
    t,
    await b.ask('/update_ring', { method: 'POST', body: { ip: c.address, task: 'remove' } }),
    'the next one'
  )
  await gate.held()
  isOk(t, await d.ask('/ring/abort', { method: 'POST' }), 'is given up through d')
  gate.open()
  await checkKeys(t, nodes, keys, 'afterwards')
})
