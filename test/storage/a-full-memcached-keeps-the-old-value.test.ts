import t from 'tap'
import { startMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { openStorage, record } from './support.ts'

t.test('full: refused, and what was there stays', async t => {
  if (!needs(t, 'memcached')) return
  const { address } = await startMemcached(t, { socket: true, flags: ['-m', '8'] })
  const storage = await openStorage(t, address)
  const value = Buffer.alloc(100_000, 'x')
  let stored = 0
  let result = await storage.merge(0, 'key0', record(1, { value }))
  while (result.kind === 'stored' && stored < 1000) {
    result = await storage.merge(0, `key${++stored}`, record(1, { value }))
  }
  t.same(result, { kind: 'failed', reason: 'full' })
  t.ok(stored > 10, `${stored} were stored`)
  for (let i = 0; i < stored; i++) {
    // Some may fit into what the old one leaves; those that do not must leave it.
    const merged = await storage.merge(0, `key${i}`, record(2, { value }))
    const read = await storage.get(0, `key${i}`)
    const version = merged.kind === 'stored' ? 2 : 1
    if (read.kind !== 'found' || read.record.version.timeMs !== version) {
      t.fail(`key${i}: ${merged.kind}, then ${read.kind}`)
    }
  }
  t.equal((await storage.get(0, `key${stored}`)).kind, 'miss', 'the one that did not fit')
})

t.test('an item too large for the instance', async t => {
  if (!needs(t, 'memcached')) return
  const { address } = await startMemcached(t, { socket: true, flags: ['-I', '512k'] })
  const storage = await openStorage(t, address)
  await storage.merge(0, 'k', record(1))
  const large = record(2, { value: Buffer.alloc(900_000, 'set k 0 0 1\r\n') })
  const results = await Promise.all([
    storage.merge(0, 'k', large),
    storage.merge(0, 'new', large),
    storage.get(0, 'k')
  ])
  t.match(results, [
    { kind: 'failed', reason: 'full' },
    { kind: 'failed', reason: 'full' },
    { kind: 'found' }
  ])
  t.match(
    await storage.get(0, 'k'),
    { kind: 'found', record: { version: { timeMs: 1 } } },
    'the connection goes on'
  )
})
