// What a change moves arrives as it was: bytes, content type, expiry, tombstone and version; a value of
// before does not cover a newer one that was written, or deleted, while it was on its way.

import t from 'tap'
import { TOMBSTONE_GRACE_MS } from '../../../src/limits.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'
import { createGate, dump, isOk } from '../../support/cluster/ring-changes.ts'

for (const replicas of [1, 3]) {
  t.test(`every kind of record, with ${replicas} replicas`, async t => {
    let aheadMs = 0
    const nodes = await startNodes(t, 3, { replicas, members: 2, wallMs: () => Date.now() + aheadMs })
    const [a, b, c] = nodes
    for (let i = 0; i < 20; i++) {
      await a.ask(`/kv/typed-${i}`, {
        method: 'PUT',
        headers: { 'content-type': 'image/png; x=ü' },
        body: Buffer.from([0, 255, i, 10, 13])
      })
      await a.ask(`/kv/expiring-${i}?ttl=${1000 + i}`, { method: 'PUT', body: `for a while ${i}` })
      await a.ask(`/kv/deleted-${i}`, { method: 'PUT', body: 'x' })
      await a.ask(`/kv/deleted-${i}`, { method: 'DELETE' })
      await a.ask('/route', { method: 'POST', body: { key: `empty ${i} é`, val: '' } })
      await a.ask(`/kv/long-${i}-${'x'.repeat(500)}`, { method: 'PUT', body: 'y'.repeat(3000) })
    }
    const before = await Promise.all([a, b].map(dump)).then(([ofA, ofB]) =>
      replicas === 1 ? [...(ofA as any[]), ...(ofB as any[])] : (ofA as any[])
    )
    const sorted = (pairs: any[]) => pairs.sort((x, y) => (x.key < y.key ? -1 : 1))
    t.equal(before.length, 100)
    isOk(t, await b.ask(`/add_node/3000/${c.address}`), 'c joins')
    isOk(t, await a.ask(`/remove_node/${a.address}`), 'a leaves')
    isOk(t, await c.ask(`/remove_node/${b.address}`), 'b leaves')
    t.same(await dump(c), sorted(before), 'all of it is at c, with its versions')
    t.match(await a.ask('/kv/typed-7'), {
      status: 200,
      body: Buffer.from([0, 255, 7, 10, 13]),
      headers: { 'content-type': 'image/png; x=ü' }
    })
    t.match(await a.ask('/kv/deleted-7'), { status: 404 })
    t.match(await a.ask('/kv/expiring-1'), { status: 200, text: 'for a while 1' })
    aheadMs = 1_005_000
    t.same(
      await Promise.all([1, 19].map(async i => (await b.ask(`/kv/expiring-${i}`)).status)),
      [404, 200],
      'it expires when it would have'
    )
    aheadMs = 1_020_000 + TOMBSTONE_GRACE_MS
    t.equal(
      (await dump(c)).length,
      60,
      'tombstones and expired pairs are forgotten when they would have been'
    )
  })
}

t.test('what is written while it is on its way', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 3, { replicas: 1, members: 2, wrap: gate.wrap })
  const [a, b, c] = nodes
  const keys = Array.from({ length: 120 }, (_, i) => `key-${i}`)
  for (const key of keys) await a.ask(`/kv/${key}`, { method: 'PUT', body: 'old' })
  gate.close()
  const adding = b.ask(`/add_node/4500/${c.address}`)
  await gate.held()
  await until('some have come', async () => (await c.storage.stats()).pairs > 0)
  const by = (i: number) => nodes[i % 3] as TestNode
  for (const [i, key] of keys.entries()) {
    t.match(await by(i).ask(`/kv/${key}`), { status: 200, text: 'old' })
    if (i % 3 === 0) t.match(await by(i).ask(`/kv/${key}`, { method: 'PUT', body: 'new' }), { status: 204 })
    if (i % 3 === 1) t.match(await by(i).ask(`/kv/${key}`, { method: 'DELETE' }), { status: 204 })
  }
  const check = async (what: string) => {
    const wrong: string[] = []
    for (const [i, key] of keys.entries()) {
      const { status, text } = await by(i + 1).ask(`/kv/${key}`)
      if (i % 3 === 1 ? status !== 404 : text !== (i % 3 === 0 ? 'new' : 'old')) {
        wrong.push(`${key}: ${status} ${text}`)
      }
    }
    t.same(wrong, [], what)
  }
  await check('in the middle')
  gate.open()
  isOk(t, await adding, 'it ends')
  await check('afterwards')
})
