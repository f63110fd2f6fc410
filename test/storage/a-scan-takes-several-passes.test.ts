import t from 'tap'
import { startMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { collect, everySlot, fill, openStorage, slotFor } from './support.ts'

t.test('where the names are more than their budget', async t => {
  if (!needs(t, 'memcached')) return
  const { address } = await startMemcached(t, { socket: true })
  // Ten slots of about 3,000 bytes of names each: four passes or more.
  const storage = await openStorage(t, address, { scanNamesBytes: 10_000 })
  const keys = await fill(storage, 2000)
  const pairs = await collect(storage.scan(everySlot))
  t.same(pairs.map(({ key }) => key).sort(), [...keys].sort(), 'each once')
  const passes = new Set(pairs.map(({ slot }) => slot))
  t.equal(passes.size, 10)
  // Within a pass the order is that of the hash table; from pass to pass the slots rise.
  t.ok(
    pairs.findIndex(({ slot }) => slot === 9) > pairs.findLastIndex(({ slot }) => slot === 0),
    'in more than one pass'
  )
  t.equal(await storage.purge(slot => slot !== slotFor(4)), 1800)
  t.equal((await collect(storage.scan(everySlot))).length, 200)
})
