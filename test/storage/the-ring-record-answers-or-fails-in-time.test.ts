import { performance } from 'node:perf_hooks'
import t from 'tap'
import { createMemcachedRingRecord } from '../../src/storage/memcached/ring-record.ts'
import { STORAGE_DEADLINE_MS } from '../../src/storage/memcached/limits.ts'
import { startMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { serve, startProxy } from './faults.ts'

for (const socket of [true, false]) {
  t.test(`paused, killed and back, over ${socket ? 'a socket' : 'TCP'}`, async t => {
    if (!needs(t, 'memcached')) return
    const memcached = await startMemcached(t, { socket })
    const ringRecord = createMemcachedRingRecord(memcached)
    t.teardown(() => ringRecord.close())
    t.equal(await ringRecord.add('{1'), true)
    memcached.pause()
    const beganMs = performance.now()
    await t.rejects(ringRecord.read(), { code: 'KV_ERR_STORAGE' })
    t.ok(performance.now() - beganMs < 5 * STORAGE_DEADLINE_MS)
    memcached.resume()
    t.equal(await ringRecord.read(), '{1')
    await memcached.kill()
    await t.rejects(ringRecord.read(), { code: 'KV_ERR_STORAGE' })
    await t.rejects(ringRecord.add('{2'), { code: 'KV_ERR_STORAGE' })
    await t.rejects(ringRecord.replace('{2'), { code: 'KV_ERR_STORAGE' })
    await memcached.restart()
    t.equal(await ringRecord.replace('{2'), false, 'it came back empty')
  })
}

t.test('an answer cut short spoils no later one', async t => {
  if (!needs(t, 'memcached')) return
  const memcached = await startMemcached(t)
  const proxy = await startProxy(t, memcached.address)
  const ringRecord = createMemcachedRingRecord(proxy)
  t.teardown(() => ringRecord.close())
  await ringRecord.add('{' + 'x'.repeat(1000))
  proxy.cutAfter(500)
  const cut = ringRecord.read()
  await t.rejects(cut, { code: 'KV_ERR_STORAGE' })
  proxy.cutAfter(undefined)
  t.equal(await ringRecord.read(), '{' + 'x'.repeat(1000))
})

t.test('a server of another kind', async t => {
  const address = await serve(t, socket =>
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(10)))
  )
  await t.rejects(createMemcachedRingRecord({ address }).read(), { code: 'KV_ERR_STORAGE' })
})

t.test('closed, it leaves nothing behind', async t => {
  if (!needs(t, 'memcached')) return
  const memcached = await startMemcached(t, { socket: true })
  memcached.pause()
  const ringRecord = createMemcachedRingRecord(memcached)
  const read = ringRecord.read()
  ringRecord.close()
  await t.rejects(read, { code: 'KV_ERR_STORAGE' })
})
