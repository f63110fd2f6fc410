// A replica whose storage is full misses writes, and finds no room for them when it looks at what the others
// hold. That is no reason to take itself out: it lacks only what others have. What it must not do is keep a
// value whose tombstone it cannot store.

import t, { type Test } from 'tap'
import { failed, type Storage } from '../../../src/core/ports.ts'
import { endedRecord, tombstone, type PairRecord } from '../../../src/core/pairs/record.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, untilReady, type TestNode } from '../../support/cluster/nodes.ts'

const NOW = Date.now()

const version = (n: number) => ({ timeMs: NOW + n, counter: 0, writer: 1 })
const value = (n: number, expiresAtMs = 0): PairRecord => ({
  version: version(n),
  deleted: false,
  expiresAtMs,
  contentType: '',
  value: Buffer.from(`v${n}`)
})

/** Three nodes; the storage of the third takes nothing more once `full.reason` is set. */
async function setup(t: Test) {
  const full: { reason?: 'full' | 'timeout'; room: number } = { room: 0 }
  const wrap = (storage: Storage, index: number): Storage =>
    index !== 2
      ? storage
      : Object.create(storage, {
          incarnation: { get: () => storage.incarnation },
          merge: {
            value: async (...[slot, key, record]: Parameters<Storage['merge']>) =>
              full.reason !== undefined && full.room-- <= 0
                ? failed(full.reason)
                : storage.merge(slot, key, record)
          },
          mergeAll: {
            value: async (pairs: Parameters<Storage['mergeAll']>[0]) =>
              full.reason === undefined ? storage.mergeAll(pairs) : failed(full.reason)
          }
        })
  const nodes = await startNodes(t, 3, { wrap })
  const put = async (record: PairRecord, ...of: TestNode[]) => {
    for (const { app } of of) await app.storage.merge(slotOf('key'), 'key', record)
  }
  const held = async ({ app }: TestNode) => {
    const got = await app.storage.get(slotOf('key'), 'key')
    return got.kind === 'found' ? got.record.version.timeMs - NOW : got.kind
  }
  const look = () => nodes[2].app.copying.fetch(nodes[2].keeper.ring as Ring, false)
  return { nodes, full, put, held, look }
}

t.test('a look that finds no room for what is new here is complete', async t => {
  const {
    nodes: [a, b, c],
    full,
    put,
    held,
    look
  } = await setup(t)
  await put(value(1), a, b)
  full.reason = 'full'
  t.same(await look(), { complete: true })
  t.equal(await held(c), 'miss')
})

t.test('and so is one that finds none for a value that stays for ever', async t => {
  const {
    nodes: [a, b, c],
    full,
    put,
    held,
    look
  } = await setup(t)
  await put(value(1), a, b, c)
  await put(value(2), a, b)
  full.reason = 'full'
  t.same(await look(), { complete: true })
  t.equal(await held(c), 1)
})

t.test('a value whose end finds no room stays: it is kept for no longer than the end', async t => {
  const {
    nodes: [a, b, c],
    full,
    put,
    held,
    look
  } = await setup(t)
  await put(value(1, NOW - 1), a, b, c)
  await put(endedRecord(value(1, NOW - 1)), a)
  full.reason = 'full'
  t.same(await look(), { complete: true })
  t.equal(await held(c), 1)
})

for (const [what, newer] of [
  ['a tombstone', tombstone(version(2), NOW)],
  ['a value that expires', value(2, NOW + 60_000)]
] as const) {
  t.test(`what ${what} has replaced is dropped, once a quorum has that`, async t => {
    const {
      nodes: [a, b, c],
      full,
      put,
      held,
      look
    } = await setup(t)
    await put(value(1), a, b, c)
    await put(newer, a, b)
    full.reason = 'full'
    t.same(await look(), { complete: true })
    t.equal(await held(c), 'miss')
    t.equal((await b.ask('/kv/key')).status, newer.deleted ? 404 : 200)
  })
}

t.test('a tombstone that only one replica has is written to a quorum first', async t => {
  const {
    nodes: [a, b, c],
    full,
    put,
    held,
    look
  } = await setup(t)
  await put(value(1), a, b, c)
  await put(tombstone(version(2), NOW), a, b)
  await b.app.storage.discard(slotOf('key'), 'key', version(2))
  await put(value(1), b)
  full.reason = 'full'
  // Which of the two it asks is its own business; the one without the tombstone has nothing new for it.
  t.same(await look(), { complete: true })
  t.same([await held(a), await held(b), await held(c)], (await held(b)) === 2 ? [2, 2, 'miss'] : [2, 1, 1])
})

t.test('another failure is one', async t => {
  const {
    nodes: [a, b],
    full,
    put,
    look
  } = await setup(t)
  await put(value(1), a, b)
  full.reason = 'timeout'
  t.match(await look(), { complete: false, waitsFor: /a pair could not be stored: timeout/ })
})

t.test('a recovery takes what fits, and says how much does not', async t => {
  const {
    nodes: [a, , c],
    full
  } = await setup(t)
  for (let i = 0; i < 20; i++) {
    t.equal((await a.ask(`/kv/key-${i}?w=3`, { method: 'PUT', body: 'x' })).status, 204)
  }
  Object.assign(full, { reason: 'full', room: 5 })
  c.forget()
  const message = async () => (await c.ask('/readyz')).json().message
  await until('it says so', async () =>
    /more memory: its storage has no room for \d+ of the pairs/.test(await message())
  )
  t.equal((await c.storage.stats()).pairs, 5)
  delete full.reason
  await untilReady(c)
  t.equal((await c.storage.stats()).pairs, 20)
})
