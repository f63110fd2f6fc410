// The answers of Memcached come in order, so one to a small question would stand behind megabytes. What is
// known to be large is asked for over another connection.

import t from 'tap'
import { createClient, type Client } from '../../src/storage/memcached/client.ts'
import { parseAddress } from '../../src/storage/memcached/address.ts'
import { type Connection } from '../../src/storage/memcached/connection-api.ts'
import { createLanes } from '../../src/storage/memcached/lanes.ts'
import { createLargeNames } from '../../src/storage/memcached/large-names.ts'
import { LARGE_ITEM_BYTES, LARGE_NAMES } from '../../src/storage/memcached/limits.ts'
import { getPair, mergePair } from '../../src/storage/memcached/pairs.ts'
import { startMemcached, until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { record } from './support.ts'

t.test('a name is large once its item was met or put as such, until it is found small', async t => {
  if (!needs(t, 'memcached')) return
  const memcached = await startMemcached(t, { socket: true })
  const client = createClient(parseAddress(memcached.address), { greeted() {}, lost() {} })
  t.teardown(() => client.close())
  const asked: boolean[] = []
  const watched: Client = {
    ...client,
    pick(isLarge = false) {
      asked.push(isLarge)
      return client.pick(isLarge)
    }
  }
  const ports = {
    client: watched,
    lanes: createLanes(9),
    large: createLargeNames(),
    wallMs: Date.now,
    unreadable: () => t.fail('it is readable')
  }
  const other = { ...ports, large: createLargeNames() }
  const large = Buffer.alloc(LARGE_ITEM_BYTES + 1)
  t.match(await mergePair(ports, 5, 'key', record(1, { value: large })), { kind: 'stored' })
  t.match(await getPair(ports, 5, 'key'), { record: { value: large } })
  t.match(await getPair(ports, 5, 'another'), { kind: 'miss' })
  t.match(await getPair(other, 5, 'key'), { kind: 'found' })
  t.match(await getPair(other, 5, 'key'), { kind: 'found' })
  t.match(await mergePair(other, 5, 'key', record(2)), { kind: 'stored' })
  t.match(await getPair(other, 5, 'key'), { kind: 'found' })
  t.same(asked, [false, true, false, false, true, true, false])
})

t.test('the connection is another one than any for small items, which may stand in for it', async t => {
  if (!needs(t, 'memcached')) return
  const memcached = await startMemcached(t, { socket: true })
  const client = createClient(parseAddress(memcached.address), { greeted() {}, lost() {} })
  t.teardown(() => client.close())
  t.match(client.pick(true), { state: 'connecting' }, 'while none is ready, whichever comes')
  await until(
    'all are ready',
    () =>
      (client.pick(true) as Connection).state === 'ready' && (client.pick() as Connection).state === 'ready'
  )
  const large = client.pick(true) as Connection
  for (let i = 0; i < 50; i++) {
    const small = client.pick() as Connection
    t.not(small, large)
    small.get('name', () => {})
  }
  large.destroy()
  t.not(client.pick(true), large)
})

t.test('so many names are remembered, and the first noted give way', async t => {
  const names = createLargeNames()
  for (let i = 0; i <= LARGE_NAMES; i++) names.note(`name ${i}`, LARGE_ITEM_BYTES + 1)
  t.equal(names.has('name 0'), false)
  t.equal(names.has('name 1'), true)
})
