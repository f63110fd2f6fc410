import { performance } from 'node:perf_hooks'
import t from 'tap'
import { STORAGE_DEADLINE_MS, STORAGE_IN_FLIGHT } from '../../src/storage/memcached/limits.ts'
import { startMemcached, until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { fill, openStorage, record, slotFor, writeRing } from './support.ts'

for (const socket of [true, false]) {
  t.test(`over ${socket ? 'a socket' : 'TCP'}, and late answers do not mix with later ones`, async t => {
    if (!needs(t, 'memcached')) return
    const memcached = await startMemcached(t, { socket })
    await writeRing(memcached.address)
    const storage = await openStorage(t, memcached.address)
    const keys = await fill(storage, 300)
    const { incarnation } = storage

    memcached.pause()
    const beganMs = performance.now()
    const reads = await Promise.all(keys.map((key, i) => storage.get(slotFor(i), key)))
    t.ok(performance.now() - beganMs < 5 * STORAGE_DEADLINE_MS, 'within a bounded time')
    t.same(new Set(reads.map(result => result.kind === 'failed' && result.reason)), new Set(['timeout']))
    await until('no connection is taken for alive', async () => {
      const result = await storage.get(0, 'key0')
      return result.kind === 'failed' && result.reason === 'unreachable'
    })
    t.same(
      await storage.merge(0, 'key0', record(2)),
      { kind: 'failed', reason: 'unreachable' },
      'nothing is sent'
    )

    memcached.resume()
    await until('it answers again', async () => (await storage.get(0, 'key0')).kind === 'found')
    t.equal(storage.incarnation, incarnation, 'the same memory: nothing was lost')
    for (const [i, key] of keys.entries()) {
      const written = record(2, { value: Buffer.from(key) })
      if ((await storage.merge(slotFor(i), key, written)).kind !== 'stored') t.fail(key)
    }
    const values = await Promise.all(keys.map((key, i) => storage.get(slotFor(i), key)))
    t.same(
      values.map(result => result.kind === 'found' && result.record.value.toString()),
      keys,
      'each its own'
    )
  })
}

t.test('what was looked at but not written is certain to be undone', async t => {
  if (!needs(t, 'memcached')) return
  const memcached = await startMemcached(t, { socket: true })
  const storage = await openStorage(t, memcached.address)
  memcached.pause()
  t.same(await storage.merge(1, 'k', record(1)), { kind: 'failed', reason: 'unreachable' })
  memcached.resume()
  await until('it answers again', async () => (await storage.get(1, 'k')).kind !== 'failed')
  t.equal((await storage.get(1, 'k')).kind, 'miss')
})

t.test('beyond so many in flight it is overloaded at once', async t => {
  if (!needs(t, 'memcached')) return
  const memcached = await startMemcached(t, { socket: true })
  await writeRing(memcached.address)
  const storage = await openStorage(t, memcached.address)
  memcached.pause()
  const reasons = new Map<string, number>()
  await Promise.all(
    Array.from({ length: 3 * STORAGE_IN_FLIGHT }, async (_, i) => {
      const result = await storage.get(1, `key${i}`)
      const reason = result.kind === 'failed' ? result.reason : result.kind
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    })
  )
  // One connection or both were ready when it paused, and each takes as many.
  const ready = (reasons.get('timeout') ?? 0) / STORAGE_IN_FLIGHT
  t.ok(ready === 1 || ready === 2, `${ready} connections were filled`)
  t.equal(reasons.get('overloaded'), (3 - ready) * STORAGE_IN_FLIGHT, 'the others were refused')
})
