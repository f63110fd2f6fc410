import t from 'tap'
import { startMemcached, until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { startProxy } from './faults.ts'
import { openStorage, record, writeRing } from './support.ts'

t.test('wherever it is cut', async t => {
  if (!needs(t, 'memcached')) return
  const memcached = await startMemcached(t)
  const direct = await openStorage(t, memcached.address)
  const value = Buffer.alloc(300_000, 'END\r\n')
  await direct.merge(1, 'large', record(1, { value }))
  await direct.merge(1, 'small', record(1))
  await writeRing(memcached.address)
  const proxy = await startProxy(t, memcached.address)
  const storage = await openStorage(t, proxy.address)

  for (const bytes of [1, 5, 20, 30, 40, 1000, 70_000, 200_000, 300_000, 300_040]) {
    await until('it is connected', async () => (await storage.get(1, 'small')).kind === 'found')
    proxy.cutAfter(bytes)
    const results = await Promise.all([
      storage.get(1, 'large'),
      storage.get(1, 'large'),
      storage.get(1, 'absent')
    ])
    proxy.cutAfter(undefined)
    for (const result of results) {
      const whole = result.kind === 'found' && result.record.value.equals(value)
      if (!whole && result.kind !== 'failed') t.fail(`cut after ${bytes}: ${result.kind}`)
    }
    t.ok(
      results.some(result => result.kind === 'failed' && result.reason === 'timeout'),
      `cut after ${bytes}`
    )
  }
})

t.test('a write whose answer is cut off is of unknown outcome and is not sent again', async t => {
  if (!needs(t, 'memcached')) return
  const memcached = await startMemcached(t)
  const direct = await openStorage(t, memcached.address)
  await writeRing(memcached.address)
  const proxy = await startProxy(t, memcached.address)
  const storage = await openStorage(t, proxy.address)
  await until('it is connected', () => storage.incarnation > 0)
  // The answer to the `add`, after a look that found nothing.
  proxy.cutIn('STORED')
  t.same(await storage.merge(1, 'k', record(1)), { kind: 'failed', reason: 'timeout' })
  t.equal((await direct.get(1, 'k')).kind, 'found', 'this time it was done')
})
