// Tokens come and go one by one, by `/add_node` and `/update_ring`; `/remove_node` takes all of a node's.

import t from 'tap'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'
import {
  checkKeys,
  isOk,
  ringOf,
  sameRing,
  untilEmpty,
  writeKeys
} from '../../support/cluster/ring-changes.ts'

t.test('from one token to several and back', async t => {
  const nodes = await startNodes(t, 3, { replicas: 1, members: 2 })
  const [a, b, c] = nodes
  const keys = await writeKeys(t, a, 40)
  const tokensOf = async (node: TestNode) =>
    Object.entries((await ringOf(a)).ring)
      .filter(([, holder]) => holder === node.address)
      .map(([token]) => Number(token))
  /** `update_ring` does not wait for the keys. */
  const update = async (
    by: TestNode,
    node: TestNode,
    key: number | undefined,
    task: string,
    tokens: number[]
  ) => {
    isOk(
      t,
      await by.ask('/update_ring', {
        method: 'POST',
        body: { ip: node.address, ...(key !== undefined && { key: String(key) }), task }
      }),
      `${task} ${key}`
    )
    await until('the change is over', async () =>
      (await Promise.all(nodes.map(ringOf))).every(
        ({ epoch, next }, _i, rings) => next === undefined && epoch === rings[0].epoch
      )
    )
    t.same(await tokensOf(node), tokens)
    await checkKeys(t, nodes, keys, `${task} ${key}`)
  }

  for (const [token, tokens] of [
    [500, [500]],
    [2500, [500, 2500]],
    [7500, [500, 2500, 7500]]
  ] as const) {
    isOk(t, await b.ask(`/add_node/${token}/${c.address}`), `token ${token}`)
    t.same(await tokensOf(c), tokens)
  }
  await checkKeys(t, nodes, keys, 'with three tokens')
  await update(c, c, 9000, 'add', [500, 2500, 7500, 9000])
  await update(a, c, 2500, 'remove', [500, 7500, 9000])
  await update(b, c, 500, 'remove', [7500, 9000])
  t.equal((await ringOf(a)).epoch, 1 + 6 * 2, 'each change took two steps')
  await update(a, c, 7500, 'remove', [9000])
  t.ok((await c.storage.stats()).pairs < keys.length)
  isOk(t, await a.ask(`/add_node/3000/${c.address}`), 'once more')
  isOk(t, await a.ask(`/remove_node/${c.address}`), 'all at once')
  t.same((await sameRing(t, nodes))._sorted_keys, [4999, 9999])
  await untilEmpty(c)
  await checkKeys(t, nodes, keys, 'without c')
})

t.test('all tokens by update_ring, as form or as JSON', async t => {
  const [a, b] = await startNodes(t, 2, { replicas: 2 })
  isOk(
    t,
    await a.ask('/update_ring', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ip: b.address, key: 77, task: 'add' })
    }),
    'a number'
  )
  await until(
    'it is there',
    async () => (await ringOf(b)).ring[77] === b.address && (await ringOf(b)).next === undefined
  )
  isOk(
    t,
    await a.ask('/update_ring', { method: 'POST', body: { ip: b.address, task: 'remove' } }),
    'without a key'
  )
  await until('all are gone', async () => (await ringOf(a))._sorted_keys.join() === '4999')
})

t.test('a token that changes nothing for any pair takes one step', async t => {
  const [a, b] = await startNodes(t, 2, { replicas: 2 })
  isOk(t, await a.ask(`/add_node/1/${b.address}`), 'both hold everything')
  t.match(await sameRing(t, [a, b]), { epoch: 2, ring: { 1: b.address } })
})
