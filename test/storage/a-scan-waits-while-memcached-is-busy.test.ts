import t from 'tap'
import { encodeItem } from '../../src/storage/memcached/names.ts'
import { startMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { fakeMemcached } from './faults.ts'
import { collect, everySlot, fill, openStorage, record } from './support.ts'

t.test('refused twice and once locked out, it asks again', async t => {
  const refusals = [
    'BUSY currently processing crawler request\r\n',
    'BUSY\r\n',
    'ERROR locked try again later\r\n'
  ]
  const item = encodeItem('0001:a', 'a', record(1))
  const address = await fakeMemcached(t, (request, socket) => {
    if (request.startsWith('lru_crawler')) {
      socket.write(refusals.shift() ?? 'key=0001%3Aa exp=-1 size=70\nEND\r\n')
    } else if (request.startsWith('version')) socket.write('VERSION 1.6.18\r\n')
    else {
      socket.write(Buffer.concat([Buffer.from(`VA ${item.length} k0001:a\r\n`), item, Buffer.from('\r\n')]))
    }
  })
  const storage = await openStorage(t, address)
  t.match(await collect(storage.scan(everySlot)), [{ slot: 1, key: 'a' }])
  t.same(refusals, [])
})

t.test('scans of several processes at once are all whole', async t => {
  if (!needs(t, 'memcached')) return
  const { address } = await startMemcached(t, { socket: true })
  const storages = [
    await openStorage(t, address),
    await openStorage(t, address),
    await openStorage(t, address)
  ]
  await fill(storages[0] as (typeof storages)[number], 20_000)
  const counts = storages.flatMap(storage =>
    [1, 2].map(async () => (await collect(storage.scan(everySlot))).length)
  )
  t.same(await Promise.all(counts), Array(6).fill(20_000))
})
