// `/ring/plan` answers what a change would move, refuses what the change would be refused for, and does
// nothing.

import t from 'tap'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'
import { dump, isError, isOk, ringOf, sameRing, writeKeys } from '../../support/cluster/ring-changes.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'

t.test('an add and a remove', async t => {
  const nodes = await startNodes(t, 3, { replicas: 1, members: 2 })
  const [a, b, c] = nodes
  const keys = await writeKeys(t, a, 60)
  const before = await sameRing(t, nodes)
  const plan = async (node: TestNode, body: { [name: string]: string }) => {
    const answer = await node.ask('/ring/plan', { method: 'POST', body })
    t.match(answer, { status: 200, headers: { 'content-type': /^application\/json/ } })
    return answer.json()
  }
  const add = { ip: c.address, key: '2000', task: 'add' }
  const expected = {
    from: { 4999: a.address, 9999: b.address },
    to: { 2000: c.address, 4999: a.address, 9999: b.address },
    receivers: [c.address],
    moves: [{ min: 0, max: 2000, from: [a.address], to: [c.address] }],
    slots: 2001,
    share: 0.2001,
    shares: { [c.address]: 0.2001, [a.address]: 0.2999, [b.address]: 0.5 }
  }
  for (const node of nodes) t.same(await plan(node, add), expected)
  t.same(await plan(b, { ip: a.address, task: 'remove' }), {
    from: expected.from,
    to: { 9999: b.address },
    receivers: [b.address],
    moves: [{ min: 0, max: 4999, from: [a.address], to: [b.address] }],
    slots: 5000,
    share: 0.5,
    shares: { [b.address]: 1 }
  })
  t.same(await plan(b, { ip: a.address, key: '4999', task: 'add' }), {
    from: expected.from,
    to: expected.from,
    receivers: [],
    moves: [],
    slots: 0,
    share: 0,
    shares: { [a.address]: 0.5, [b.address]: 0.5 }
  })
  t.same(await sameRing(t, nodes), before)
  isOk(t, await a.ask(`/add_node/2000/${c.address}`), 'and so it comes')
  t.same((await ringOf(b)).ring, expected.to)
  t.same(
    (await dump(c)).map(({ key }) => key),
    keys.filter(key => slotOf(key) <= 2000).sort()
  )
})

t.test('what cannot be', async t => {
  const [a, b, c] = await startNodes(t, 3, { members: 2 })
  const plan = (body: { [name: string]: string }) => a.ask('/ring/plan', { method: 'POST', body })
  isError(
    t,
    await plan({ ip: b.address, key: '4999', task: 'add' }),
    409,
    'KV_ERR_RING_CONFLICT',
    'the token of another'
  )
  isError(t, await plan({ ip: c.address, task: 'remove' }), 404, 'KV_ERR_UNKNOWN_NODE', 'no member')
  isOk(t, await a.ask(`/remove_node/${b.address}`), 'b leaves')
  isError(t, await plan({ ip: a.address, task: 'remove' }), 409, 'KV_ERR_RING_CONFLICT', 'the last node')
})

t.test('positions that even the shares out', async t => {
  const nodes = await startNodes(t, 3, { replicas: 1, members: 2 })
  const [a, b, c] = nodes
  const before = await sameRing(t, nodes)
  const plan = (body: { [name: string]: string }) => a.ask('/ring/plan', { method: 'POST', body })
  const one = await plan({ ip: c.address, task: 'add' })
  t.match(one, { status: 200, headers: { 'content-type': /^application\/json/ } })
  t.match(one.json(), { positions: [Number], receivers: [c.address] })
  t.equal(Object.keys(one.json().to).length, 3)
  const { positions, to, shares } = (await plan({ ip: c.address, task: 'add', count: '4' })).json()
  t.equal(positions.length, 4)
  t.same(to, {
    4999: a.address,
    9999: b.address,
    ...Object.fromEntries(positions.map((position: number) => [position, c.address]))
  })
  for (const { address } of nodes) {
    t.ok(Math.abs(shares[address] - 1 / 3) < 0.05, `${address} has ${shares[address]}`)
  }
  t.same(await sameRing(t, nodes), before)
  for (const position of positions) {
    isOk(t, await b.ask(`/add_node/${position}/${c.address}`), `at ${position}`)
  }
  t.same((await ringOf(a)).ring, to)
  for (const count of ['0', '65', '-1', 'x', '1e1', '']) {
    isError(t, await plan({ ip: c.address, task: 'add', count }), 400, 'KV_ERR_MALFORMED', `count=${count}`)
  }
  isError(
    t,
    await plan({ ip: c.address, task: 'add', count: '1', key: '5' }),
    400,
    'KV_ERR_MALFORMED',
    'a count of what is given'
  )
  isError(
    t,
    await plan({ ip: c.address, task: 'remove', count: '1' }),
    400,
    'KV_ERR_MALFORMED',
    'a count of what goes'
  )
  isError(t, await plan({ ip: 'x', task: 'add' }), 400, 'KV_ERR_RING_INVALID', 'no node')
})
