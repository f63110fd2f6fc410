// Three nodes and three replicas: one may fail in any way and nobody notices, two may not, and then the
// answer comes at once and says what is known of the outcome.

import t from 'tap'
import { failed, type FailureReason, type Storage } from '../../../src/core/ports.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const put = (node: TestNode, key: string, body: string) => node.ask(`/kv/${key}`, { method: 'PUT', body })

/** Storage that fails as told, node by node. */
function faulty() {
  const faults: Array<{ get?: FailureReason; merge?: FailureReason; stats?: true } | undefined> = []
  const wrap = (storage: Storage, index: number): Storage =>
    Object.create(storage, {
      get: {
        value: async (slot: number, key: string) =>
          faults[index]?.get ? failed(faults[index].get) : storage.get(slot, key)
      },
      merge: {
        value: async (...pair: Parameters<Storage['merge']>) =>
          faults[index]?.merge ? failed(faults[index].merge) : storage.merge(...pair)
      }
    })
  return { faults, wrap }
}

t.test('one of three is stopped, and everything goes on', async t => {
  const nodes = await startNodes(t, 3)
  for (let i = 0; i < 10; i++) t.equal((await put(nodes[i % 3] as TestNode, `k${i}`, `old ${i}`)).status, 204)
  await nodes[2].stop()
  for (let i = 0; i < 10; i++) {
    t.match(await nodes[(i % 2) as 0 | 1].ask(`/kv/k${i}`), { status: 200, text: `old ${i}` })
    t.equal((await put(nodes[(i % 2) as 0 | 1], `k${i}`, `new ${i}`)).status, 204)
  }
  await nodes[2].start()
  for (let i = 0; i < 10; i++) {
    t.match(
      await nodes[2].ask(`/kv/k${i}`),
      { status: 200, text: `new ${i}` },
      'it came back with old values and tells the new ones'
    )
  }
})

t.test('two of three are stopped: 503 at once', async t => {
  const nodes = await startNodes(t, 3)
  await put(nodes[0], 'k', 'v')
  await nodes[1].stop()
  await nodes[2].stop()
  const start = performance.now()
  for (let i = 0; i < 50; i++) {
    const read = await nodes[0].ask('/kv/k')
    t.match(
      { status: read.status, ...read.json() },
      { status: 503, code: 'KV_ERR_QUORUM', error: 'Service Unavailable' }
    )
    t.equal(read.headers['retry-after'], '1')
    const written = await put(nodes[0], 'k', 'w')
    t.match(
      { status: written.status, ...written.json() },
      { status: 503, code: 'KV_ERR_QUORUM', message: /nothing was written/ }
    )
  }
  t.ok(performance.now() - start < 50 * 1000, 'refusals do not wait for deadlines')
  t.equal((await nodes[0].ask('/livez')).status, 200)
  await nodes[1].start()
  await nodes[2].start()
  t.match(
    await nodes[0]
      .ask('/kv/k?r=3')
      .then(async first => (first.status === 200 ? first : nodes[1].ask('/kv/k'))),
    { text: 'v' }
  )
})

t.test('a read quorum of one is served by a node alone', async t => {
  const nodes = await startNodes(t, 3)
  await put(nodes[0], 'k?w=3', 'v')
  await nodes[1].stop()
  await nodes[2].stop()
  t.match(await nodes[0].ask('/kv/k?r=1&w=1'), { status: 200, text: 'v' })
  t.equal((await nodes[0].ask('/kv/k?r=1&w=1', { method: 'PUT', body: 'w' })).status, 204)
  t.match(await nodes[0].ask('/kv/k?r=1'), { text: 'w' })
  t.equal((await nodes[0].ask('/kv/k?r=2')).status, 503)
  t.equal((await nodes[0].ask('/kv/k?w=2', { method: 'PUT', body: 'x' })).status, 503)
})

t.test('a write that asks for all needs all', async t => {
  const nodes = await startNodes(t, 3)
  t.equal((await put(nodes[0], 'k?w=3', 'v')).status, 204)
  for (const node of nodes) t.match(await node.ask('/cache?key=k'), { text: 'v' })
  await nodes[2].stop()
  t.match((await put(nodes[0], 'k?w=3', 'w')).json(), { code: 'KV_ERR_QUORUM', message: /outcome unknown/ })
})

for (const reason of ['unreachable', 'timeout', 'overloaded'] as const) {
  t.test(`replicas whose storage is ${reason} are not counted`, async t => {
    const { faults, wrap } = faulty()
    const nodes = await startNodes(t, 3, { wrap })
    t.equal((await put(nodes[0], 'k?w=3', 'v')).status, 204)
    faults[1] = { get: reason, merge: reason }
    for (const node of nodes) {
      t.equal((await put(node, 'k', 'w')).status, 204)
      t.match(await node.ask('/kv/k'), { status: 200, text: 'w' })
    }
    faults[2] = { get: reason, merge: reason }
    for (const node of nodes) {
      t.match((await node.ask('/kv/k')).json(), { code: 'KV_ERR_QUORUM' }, 'an error is not a miss')
      t.match((await put(node, 'k', 'x')).json(), { code: 'KV_ERR_QUORUM', message: /nothing was written/ })
    }
    faults[1] = faults[2] = undefined
    for (const node of nodes) t.match(await node.ask('/kv/k'), { status: 200, text: 'w' })
  })
}

t.test('merges that time out leave the outcome unknown', async t => {
  const { faults, wrap } = faulty()
  const nodes = await startNodes(t, 3, { wrap })
  faults[1] = { merge: 'timeout' }
  faults[2] = { merge: 'timeout' }
  t.match((await put(nodes[0], 'k', 'v')).json(), {
    statusCode: 503,
    code: 'KV_ERR_QUORUM',
    message: /outcome unknown/
  })
})

t.test('full storage is 507, and the old value stands', async t => {
  const nodes = await startNodes(t, 3, { limitBytes: 10_000 })
  t.equal((await put(nodes[0], 'k', 'old')).status, 204)
  const answer = await put(nodes[0], 'k', 'x'.repeat(20_000))
  t.match(
    { status: answer.status, ...answer.json() },
    { status: 507, code: 'KV_ERR_FULL', error: 'Insufficient Storage' }
  )
  for (const node of nodes) t.match(await node.ask('/kv/k'), { status: 200, text: 'old' })
  const cached = await nodes[0].ask('/cache', { method: 'POST', body: { key: 'k', val: 'x'.repeat(20_000) } })
  t.match({ status: cached.status, ...cached.json() }, { status: 507, code: 'KV_ERR_FULL' })
  t.equal((await put(nodes[0], 'k', 'new')).status, 204)
  t.match(await nodes[1].ask('/kv/k'), { status: 200, text: 'new' })
})

t.test('one full storage of three is outvoted', async t => {
  const { faults, wrap } = faulty()
  const nodes = await startNodes(t, 3, { wrap })
  faults[0] = { merge: 'full' }
  t.equal((await put(nodes[0], 'k', 'v')).status, 204)
  t.match(await nodes[0].ask('/kv/k'), { text: 'v' })
  faults[1] = { merge: 'full' }
  t.match((await put(nodes[0], 'k', 'w')).json(), {
    statusCode: 507,
    code: 'KV_ERR_FULL',
    message: /outcome unknown/
  })
})

t.test('a node that knows the ring and is no member coordinates', async t => {
  const nodes = await startNodes(t, 4, { members: 3 })
  const standby = nodes[3] as TestNode
  t.equal((await put(standby, 'k', 'v')).status, 204)
  t.match(await standby.ask('/kv/k'), { status: 200, text: 'v' })
  t.equal((await standby.ask('/cache?key=k')).status, 404)
  await (nodes[0] as TestNode).stop()
  t.match(await standby.ask('/kv/k'), { status: 200, text: 'v' })
})
