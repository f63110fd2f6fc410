// A storage that comes back empty under a member: it counts in no quorum until it has fetched what it held
// from enough of the other replicas, from all that are left, or, without any, has said that the pairs are
// lost.

import t, { type Test } from 'tap'
import { type Storage } from '../../../src/core/ports.ts'
import { createPairDecoder } from '../../../src/core/messages/pair-stream.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, untilReady, type TestNode, type TestNodes } from '../../support/cluster/nodes.ts'

const KEYS = Array.from({ length: 60 }, (_, i) => `key-${i}`)

/** Nodes with pairs that every replica has: values, a deleted key and an expiring one. */
async function setup(t: Test, count: number, options: Parameters<typeof startNodes>[2] = {}) {
  const nodes = await startNodes(t, count, options)
  const first = nodes[0] as TestNode
  const all = `?w=${Math.min(count, options.replicas ?? 3)}`
  for (const key of KEYS) {
    t.equal(
      (
        await first.ask(`/kv/${key}${all}`, {
          method: 'PUT',
          headers: { 'content-type': 'x/y' },
          body: `of ${key}`
        })
      ).status,
      204
    )
  }
  await first.ask(`/kv/deleted${all}`, { method: 'PUT', body: 'x' })
  await first.ask(`/kv/deleted${all}`, { method: 'DELETE' })
  await first.ask(`/kv/expiring${all}&ttl=1000`, { method: 'PUT', body: 'x' })
  return nodes
}

const dump = async (node: TestNode) => (await node.ask('/migrate/0/9999')).text.split('\n').sort()

async function untilRecovers(node: TestNode): Promise<void> {
  await until('it notices', async () => (await node.ask('/readyz')).status === 503)
  t.match((await node.ask('/readyz')).json(), { statusCode: 503, code: 'KV_ERR_RECOVERING' })
}

t.test('from two others', async t => {
  const nodes = await setup(t, 3)
  const [a, b] = nodes as unknown as [TestNode, TestNode]
  const before = await dump(b)
  b.forget()
  await untilReady(b)
  t.same(await dump(b), before, 'every record with its version')
  await (nodes[2] as TestNode).stop()
  await a.stop()
  t.match(await b.ask('/kv/key-0?r=1'), { status: 200, text: 'of key-0', headers: { 'content-type': 'x/y' } })
})

t.test('with more nodes than replicas, exactly what it holds', async t => {
  const nodes = await setup(t, 5)
  for (const node of [nodes[1], nodes[4]] as TestNode[]) {
    const before = await dump(node)
    t.ok(before.length > 10 && before.length < KEYS.length)
    node.forget()
    await untilReady(node)
    t.same(await dump(node), before)
  }
})

t.test('from all that is left, where fewer remember', async t => {
  const nodes = await setup(t, 3)
  const [a, b, c] = nodes as unknown as [TestNode, TestNode, TestNode]
  const before = await dump(a)
  b.forget()
  c.forget()
  await untilRecovers(b)
  await nodes.readyAll()
  t.same(await dump(b), before)
  t.same(await dump(c), before)
})

t.test('one of two others does not answer: not enough, until it does', async t => {
  let pulls = 0
  const wrap = (storage: Storage, index: number): Storage =>
    Object.create(storage, {
      incarnation: { get: () => storage.incarnation },
      scan: {
        value(slots: Parameters<Storage['scan']>[0]) {
          if (index === 0) pulls++
          return storage.scan(slots)
        }
      }
    })
  const nodes = await setup(t, 3, { wrap })
  const [a, b, c] = nodes as unknown as [TestNode, TestNode, TestNode]
  const before = await dump(b)
  await c.stop()
  b.forget()
  await until('it has tried twice', () => pulls >= 2)
  await untilRecovers(b)
  const read = await a.ask('/kv/key-0')
  t.match(
    { status: read.status, ...read.json() },
    { status: 503, code: 'KV_ERR_QUORUM' },
    'it is not counted, so a miss cannot pass for an answer'
  )
  t.match(
    (await a.ask('/kv/new', { method: 'PUT', body: 'x' })).json(),
    { code: 'KV_ERR_QUORUM' },
    'nor does a write count on it'
  )
  await c.start()
  await untilReady(b)
  t.same(
    (await dump(b)).filter(line => !line.includes('"new"')),
    before
  )
  t.match(await b.ask('/kv/key-0'), { status: 200, text: 'of key-0' })
})

t.test('with one replica what was lost is lost, and the node serves again', async t => {
  const nodes = await setup(t, 3, { replicas: 1 })
  const [a, b] = nodes as unknown as [TestNode, TestNode]
  const lost = (await b.ask('/fetch_keys')).json().map(([key]: [string]) => key)
  t.ok(lost.length > 5)
  b.forget()
  await until('it notices', async () => (await b.ask('/fetch_keys')).json().length === 0)
  await untilReady(b)
  for (const key of KEYS) t.equal((await a.ask(`/kv/${key}`)).status, lost.includes(key) ? 404 : 200)
  t.equal((await a.ask(`/kv/${lost[0]}`, { method: 'PUT', body: 'new' })).status, 204)
  t.match(await b.ask(`/kv/${lost[0]}`), { text: 'new' })
})

t.test('a node that is emptied again while it fetches starts over', async t => {
  let held: (() => void) | undefined
  let hold = true
  const wrap = (storage: Storage, index: number): Storage =>
    Object.create(storage, {
      incarnation: { get: () => storage.incarnation },
      scan: {
        value: async function* (slots: Parameters<Storage['scan']>[0]) {
          yield* storage.scan(slots)
          if (index === 0 && hold) {
            await new Promise<void>(resolve => {
              held = resolve
            })
          }
        }
      }
    })
  const nodes = await setup(t, 3, { wrap })
  const [, b] = nodes as unknown as [TestNode, TestNode]
  b.forget()
  await until('it fetches', () => held !== undefined)
  b.forget()
  hold = false
  held?.()
  await untilReady(b)
  hold = false
  t.equal((await dump(b)).length, KEYS.length + 3)
})

t.test('a pull tells whether its source remembers everything', async t => {
  const [a, b] = (await setup(t, 2)) as unknown as [TestNode, TestNode]
  const pull = async () => {
    const body = JSON.stringify({ ring: (await a.ask('/hash_ring')).json(), ranges: [[0, 9999]] })
    const decoder = createPairDecoder()
    const pairs = decoder.push(
      (
        await a.ask('/internal/pull', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body
        })
      ).body
    )
    return { keys: pairs.length, ...decoder.finish() }
  }
  t.same(await pull(), { keys: KEYS.length + 2, pairs: KEYS.length + 2, remembers: true })
  await b.stop()
  a.forget()
  t.same(await pull(), { keys: 0, pairs: 0, remembers: false })
})

t.test('a pull under another ring is fenced', async t => {
  const nodes = await setup(t, 3)
  const [a, b] = nodes as unknown as [TestNode, TestNode]
  const ring = (await a.ask('/hash_ring')).json()
  const pull = (other: object) =>
    b.ask('/internal/pull', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ring: { ...ring, ...other }, ranges: [[0, 9999]] })
    })
  t.match(await pull({}), { status: 200, headers: { 'content-type': 'application/octet-stream' } })
  const older = await pull({ generation: ring.generation - 1 })
  t.match({ status: older.status, ...older.json() }, { status: 409, code: 'KV_ERR_FENCED' })
  const other = await pull({ replicas: 2 })
  t.match(
    { status: other.status, ...other.json() },
    { status: 503, code: 'KV_ERR_RING_SPLIT' },
    'the same number and other content'
  )
  t.match(await pull({ epoch: ring.epoch + 1 }), { status: 200 }, 'a newer one is taken over first')
  t.equal((await b.ask('/hash_ring')).json().epoch, ring.epoch + 1)
  t.match(
    await pull({}),
    { status: 200 },
    'what was copied by the older one is as good, as it is the same ring but for its number'
  )
})

t.test('writes that go on during the recovery are not lost', async t => {
  const nodes = (await setup(t, 3)) as TestNodes & [TestNode, TestNode, TestNode]
  const acknowledged = new Map<string, string>()
  const over = new AbortController()
  const writers = [nodes[0], nodes[2]].map(async (node, w) => {
    for (let i = 0; !over.signal.aborted; i++) {
      const key = `w${w}-${i % 40}`
      if ((await node.ask(`/kv/${key}`, { method: 'PUT', body: `${i}` })).status === 204) {
        acknowledged.set(key, `${i}`)
      }
    }
  })
  for (let round = 0; round < 3; round++) {
    nodes[1].forget()
    await untilRecovers(nodes[1])
    await untilReady(nodes[1])
  }
  over.abort()
  await Promise.all(writers)
  t.ok(acknowledged.size > 10)
  await nodes[0].stop()
  for (const [key, value] of acknowledged) t.equal((await nodes[1].ask(`/kv/${key}`)).text, value)
})
