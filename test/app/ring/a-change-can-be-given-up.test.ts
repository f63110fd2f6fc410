// `/ring/abort`: the old ring stays, whoever waited for the change is told, and what the receiver had got
// goes, also what is still on its way.

import t from 'tap'
import { type Storage } from '../../../src/core/ports.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes } from '../../support/cluster/nodes.ts'
import {
  changesOf,
  checkKeys,
  createGate,
  isError,
  isOk,
  sameRing,
  untilEmpty,
  writeKeys
} from '../../support/cluster/ring-changes.ts'

for (const replicas of [1, 2]) {
  t.test(`adding a node, with ${replicas} replicas`, async t => {
    const gate = createGate()
    const nodes = await startNodes(t, 3, { replicas, members: 2, wrap: gate.wrap })
    const [a, b, c] = nodes
    const keys = await writeKeys(t, a, 80)
    const { ring } = await sameRing(t, nodes)
    gate.close()
    const adding = c.ask(`/add_node/2500/${c.address}`)
    await gate.held()
    await until('some pairs have come', async () => (await c.storage.stats()).pairs > 0)
    t.match(await c.ask('/kv/in-the-middle', { method: 'PUT', body: 'x' }), { status: 204 })
    isOk(t, await c.ask('/ring/abort', { method: 'POST' }), 'given up')
    isError(t, await adding, 409, 'KV_ERR_RING_CONFLICT', 'who waited for it is told')
    t.same((await sameRing(t, nodes)).ring, ring)
    await untilEmpty(c)
    await checkKeys(t, nodes, keys, 'afterwards')
    for (const node of nodes) t.match(await node.ask('/kv/in-the-middle'), { status: 200, text: 'x' })
    isError(
      t,
      await a.ask('/ring/abort', { method: 'POST' }),
      409,
      'KV_ERR_RING_CONFLICT',
      'nothing is left to give up'
    )
    gate.open()
    isOk(t, await b.ask(`/add_node/2500/${c.address}`), 'the same change can be made afterwards')
    await checkKeys(t, nodes, keys, 'after all')
  })
}

t.test('removing a node', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 3, { replicas: 1, wrap: gate.wrap })
  const [a, b, c] = nodes
  const keys = await writeKeys(t, a, 60)
  const before = await sameRing(t, nodes)
  const held = await Promise.all(nodes.map(async ({ storage }) => (await storage.stats()).pairs))
  gate.close()
  isOk(
    t,
    await b.ask('/update_ring', { method: 'POST', body: { ip: a.address, task: 'remove' } }),
    'proposed'
  )
  await gate.held()
  isOk(t, await a.ask('/ring/abort', { method: 'POST' }), 'given up')
  gate.open()
  const after = await sameRing(t, nodes)
  t.same(after, { ...before, epoch: 3, since: 3, digest: after.digest })
  await until(
    'everyone holds what is its own',
    async () =>
      (await Promise.all(nodes.map(async ({ storage }) => (await storage.stats()).pairs))).join() ===
      held.join()
  )
  await checkKeys(t, nodes, keys, 'afterwards')
  isOk(t, await c.ask(`/remove_node/${a.address}`), 'and again')
  await checkKeys(t, nodes, keys, 'after all')
})

t.test('a receiver that is out of reach', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 3, { replicas: 1, members: 2, wrap: gate.wrap })
  const [a, b, c] = nodes
  const keys = await writeKeys(t, a, 40)
  gate.close()
  isOk(
    t,
    await a.ask('/update_ring', { method: 'POST', body: { ip: c.address, key: '4000', task: 'add' } }),
    'proposed'
  )
  await gate.held()
  await c.stop()
  isOk(t, await a.ask('/ring/abort', { method: 'POST' }), 'given up without it')
  gate.open()
  await checkKeys(t, [a, b], keys, 'without it')
  await c.start()
  await untilEmpty(c)
  await until('it has learned', async () => (await changesOf(c)).state !== 'under way')
})

t.test('pairs that arrive after the purge are not kept', async t => {
  // The receiver's merges wait, as behind a slow storage, until the change is given up.
  let hold = false
  const waiting: Array<() => void> = []
  const wrap = (storage: Storage, index: number): Storage =>
    Object.create(storage, {
      incarnation: { get: () => storage.incarnation },
      mergeAll: {
        async value(pairs: Parameters<Storage['mergeAll']>[0]) {
          if (hold && index === 2) await new Promise<void>(resolve => waiting.push(resolve))
          return storage.mergeAll(pairs)
        }
      }
    })
  const [a, b, c] = await startNodes(t, 3, { replicas: 1, members: 2, wrap })
  await writeKeys(t, a, 80)
  hold = true
  isOk(
    t,
    await a.ask('/update_ring', { method: 'POST', body: { ip: c.address, key: '4000', task: 'add' } }),
    'proposed'
  )
  await until('pairs arrive', () => waiting.length > 0)
  const abort = a.ask('/ring/abort', { method: 'POST' })
  await until('the members have given up', async () => (await changesOf(b)).state === 'given up')
  hold = false
  for (const go of waiting) go()
  isOk(t, await abort, 'given up')
  await until('it has learned', async () => (await changesOf(c)).state === 'given up')
  await untilEmpty(c)
  isOk(t, await a.ask(`/add_node/4000/${c.address}`), 'and again')
})
