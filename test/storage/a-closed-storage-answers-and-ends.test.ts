// If anything were left open, this test's process would not end.

import t from 'tap'
import { startMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { collect, everySlot, fill, openStorage, record } from './support.ts'

t.test('with reads, merges and a scan under way', async t => {
  if (!needs(t, 'memcached')) return
  const { address } = await startMemcached(t, { socket: true })
  const storage = await openStorage(t, address)
  await fill(storage, 1000)
  const operations = [
    storage.get(0, 'key0'),
    ...Array.from({ length: 10 }, (_, i) => storage.merge(0, 'key0', record(i + 2)))
  ]
  const scan = collect(storage.scan(everySlot)).then(
    pairs => pairs.length,
    (error: { code: string }) => error.code
  )
  const waiting = collect(storage.scan(everySlot)).then(
    pairs => pairs.length,
    (error: { code: string }) => error.code
  )
  await storage.close()
  for (const result of await Promise.all(operations)) t.equal(result.kind, 'failed')
  t.same([await scan, await waiting], ['KV_ERR_STORAGE', 'KV_ERR_STORAGE'])
  t.same(await storage.get(0, 'key0'), { kind: 'failed', reason: 'unreachable' })
  t.same(await storage.merge(0, 'key0', record(1)), { kind: 'failed', reason: 'unreachable' })
  await t.rejects(storage.stats(), { code: 'KV_ERR_STORAGE' })
  await storage.recheck()
  await storage.close()
})

t.test('with nothing there to connect to', async t => {
  const storage = await openStorage(t, '/nowhere/at/all')
  t.match(await storage.get(0, 'k'), { kind: 'failed', reason: 'unreachable' })
  t.equal(storage.incarnation, 0)
})
