import t from 'tap'
import { createMemoryStorage } from '../../src/storage/memory.ts'
import { MEMORY_PAIR_BYTES, TOMBSTONE_GRACE_MS } from '../../src/limits.ts'
import { record } from './support.ts'

t.test('full: refused, and the old value stays', async t => {
  const limitBytes = 2 * (MEMORY_PAIR_BYTES + 1000)
  const { storage } = createMemoryStorage({ wallMs: Date.now, limitBytes })
  const value = Buffer.alloc(900, 'x')
  t.same(await storage.merge(1, 'a', record(1, { value })), { kind: 'stored' })
  t.same(await storage.merge(1, 'b', record(1, { value })), { kind: 'stored' })
  t.same(await storage.merge(1, 'c', record(1)), { kind: 'failed', reason: 'full' })
  t.same(await storage.merge(1, 'a', record(2, { value: Buffer.alloc(2000) })), {
    kind: 'failed',
    reason: 'full'
  })
  t.match(await storage.get(1, 'a'), { kind: 'found', record: { version: { timeMs: 1 } } })
  t.same(await storage.merge(1, 'a', record(2)), { kind: 'stored' }, 'a smaller one fits')
  t.same(await storage.merge(1, 'c', record(1)), { kind: 'stored' }, 'and makes room')
  const { pairs, bytes } = await storage.stats()
  t.equal(pairs, 3)
  t.ok(bytes <= limitBytes)
})

t.test('what may be forgotten is dropped as others are merged, though nobody asks for it', async t => {
  const wall = { nowMs: Date.now() }
  const { storage } = createMemoryStorage({ wallMs: () => wall.nowMs })
  const expiresAtMs = wall.nowMs + 1
  for (let i = 0; i < 1000; i++) await storage.merge(i, `old${i}`, record(1, { expiresAtMs }))
  t.match(await storage.stats(), { pairs: 1000 })
  wall.nowMs += TOMBSTONE_GRACE_MS + 1
  for (let i = 0; i < 1000; i++) await storage.merge(1, 'k', record(i + 1))
  t.match(await storage.stats(), { pairs: 1 })
})
