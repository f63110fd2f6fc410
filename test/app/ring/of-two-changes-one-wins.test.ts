// Changes that cannot both be: the token of another node, another change under way, two at the same moment
// through different nodes.

import t from 'tap'
import { startNodes } from '../../support/cluster/nodes.ts'
import {
  checkKeys,
  createGate,
  isError,
  isOk,
  ringOf,
  sameRing,
  writeKeys
} from '../../support/cluster/ring-changes.ts'

t.test('the token of another node', async t => {
  const [a, b] = await startNodes(t, 2)
  const before = await sameRing(t, [a, b])
  isError(t, await a.ask(`/add_node/4999/${b.address}`), 409, 'KV_ERR_RING_CONFLICT', "that is a's")
  isError(
    t,
    await a.ask('/update_ring', { method: 'POST', body: { ip: b.address, key: '4999', task: 'add' } }),
    409,
    'KV_ERR_RING_CONFLICT',
    "that is a's"
  )
  t.same(await sameRing(t, [a, b]), before)
})

t.test('another change under way', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 4, { replicas: 1, members: 2, wrap: gate.wrap })
  const [a, b, c, d] = nodes
  const keys = await writeKeys(t, a, 60)
  gate.close()
  const adding = a.ask(`/add_node/2000/${c.address}`)
  await gate.held()
  const during = await ringOf(b)
  for (const path of [
    `/add_node/2001/${c.address}`,
    `/add_node/2000/${d.address}`,
    `/add_node/3000/${d.address}`,
    `/remove_node/${b.address}`,
    `/remove_node/${c.address}`
  ]) {
    for (const node of nodes) isError(t, await node.ask(path), 409, 'KV_ERR_RING_CONFLICT', path)
  }
  isError(
    t,
    await b.ask('/update_ring', { method: 'POST', body: { ip: a.address, key: '1', task: 'add' } }),
    409,
    'KV_ERR_RING_CONFLICT',
    'update_ring'
  )
  t.same(await ringOf(b), during)
  gate.open()
  isOk(t, await adding, 'the first one is done')
  await checkKeys(t, nodes, keys, 'afterwards')
})

t.test('two at once', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 4, { replicas: 2, members: 2, wrap: gate.wrap })
  const [a, b, c, d] = nodes
  const keys = await writeKeys(t, a, 20)
  for (let round = 0; round < 6; round++) {
    const { epoch } = await ringOf(a)
    gate.close()
    const wanted = [
      [a, c, 1000 + round],
      [b, d, 6000 + round]
    ] as const
    const asked = wanted.map(([by, node, token]) => by.ask(`/add_node/${token}/${node.address}`))
    // The one that wins is held in its middle, so the first answer is the other's.
    isError(t, await Promise.race(asked), 409, 'KV_ERR_RING_CONFLICT', `round ${round}`)
    gate.open()
    const answers = await Promise.all(asked)
    t.same(answers.map(({ status }) => status).sort(), [200, 409], 'exactly one wins')
    const [, winner, token] = wanted[
      answers.findIndex(({ status }) => status === 200)
    ] as (typeof wanted)[number]
    const after = await sameRing(t, [a, b, winner])
    t.match(after, { epoch: epoch + 2, ring: { [token]: winner.address } }, 'and only its steps were made')
    t.equal(Object.keys(after.ring).length, 3)
    isOk(t, await a.ask(`/remove_node/${winner.address}`), 'and back')
  }
  await checkKeys(t, nodes, keys, 'afterwards')
})
