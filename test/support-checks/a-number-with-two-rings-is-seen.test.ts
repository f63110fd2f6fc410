// The watch over ring numbers sees a process that has another ring than the others, and nothing where there
// is none.

import t from 'tap'
import { until } from '../support/cluster/memcached.ts'
import { startNodes } from '../support/cluster/nodes.ts'
import { watchDigests } from '../support/checker/ring-digests.ts'

t.test('what is noted', async t => {
  const watch = watchDigests([])
  watch.note('a', { generation: 1, epoch: 1, digest: 'x' })
  watch.note('b', { generation: 1, epoch: 1, digest: 'x' })
  watch.note('b', { generation: 1, epoch: 2, digest: 'y' })
  watch.note('b', { generation: 2, epoch: 1, digest: 'z' })
  t.same([watch.splits, watch.rings], [[], 3])
  watch.note('c', { generation: 1, epoch: 1, digest: 'y' })
  t.same(watch.splits, ['ring 1/1 is x at a and y at c'])
  await watch.end()
})

t.test('what nodes tell', async t => {
  const nodes = await startNodes(t, 2, { seeded: false, ownReplicas: [1, 3] })
  const watch = watchDigests([...nodes.map(({ address }) => `http://${address}`), 'http://127.0.0.1:1'])
  t.teardown(watch.end)
  for (const node of nodes) {
    await node.ask('/hash_ring', {
      method: 'POST',
      body: { data: nodes.seedText({ generation: 7, replicas: undefined }) }
    })
  }
  await until('it is seen', () => watch.splits.length > 0)
  t.match(watch.splits[0], /^ring 7\/1 is [0-9a-f]{16} at http.* and [0-9a-f]{16} at http/)
})
