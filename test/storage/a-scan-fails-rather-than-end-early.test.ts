import t from 'tap'
import { startMemcached, until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { fakeMemcached } from './faults.ts'
import { collect, everySlot, fill, openStorage } from './support.ts'

const LINE = 'key=0001%3Aa exp=-1 la=1 cas=1 fetch=no cls=1 size=70\n'

t.test('a dump without its END', async t => {
  const address = await fakeMemcached(t, (_request, socket) => socket.end(LINE))
  const storage = await openStorage(t, address)
  await t.rejects(collect(storage.scan(everySlot)), { code: 'KV_ERR_STORAGE', message: /END/ })
  await t.rejects(storage.purge(everySlot), { code: 'KV_ERR_STORAGE' })
})

t.test('a dump that is refused', async t => {
  const address = await fakeMemcached(t, (_request, socket) =>
    socket.write('CLIENT_ERROR lru crawler disabled\r\n')
  )
  const storage = await openStorage(t, address)
  await t.rejects(collect(storage.scan(everySlot)), { code: 'KV_ERR_STORAGE', message: /disabled/ })
})

t.test('a read or delete that fails in the middle', async t => {
  const address = await fakeMemcached(t, (request, socket) => {
    if (request.startsWith('lru_crawler')) socket.write(LINE + 'END\r\n')
    else if (request.startsWith('version')) socket.write('VERSION 1.6.18\r\n')
    else socket.destroy()
  })
  const storage = await openStorage(t, address)
  await t.rejects(collect(storage.scan(everySlot)), { code: 'KV_ERR_STORAGE', message: /read failed/ })
  await until('it is connected again', async () => {
    const failure = await storage.purge(everySlot).catch((error: Error) => error)
    return failure instanceof Error && failure.message.includes('delete failed')
  })
})

t.test('Memcached gone: before, and between two batches', async t => {
  if (!needs(t, 'memcached')) return
  const memcached = await startMemcached(t, { socket: true })
  const storage = await openStorage(t, memcached.address)
  await fill(storage, 5000)
  const batches = storage.scan(everySlot)[Symbol.asyncIterator]()
  await batches.next()
  await memcached.kill()
  await t.rejects(
    async () => {
      while ((await batches.next()).done !== true);
    },
    { code: 'KV_ERR_STORAGE' }
  )
  await t.rejects(collect(storage.scan(everySlot)), { code: 'KV_ERR_STORAGE' })
  await t.rejects(storage.stats(), { code: 'KV_ERR_STORAGE' })
})
