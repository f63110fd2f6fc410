import fc from 'fast-check'
import t from 'tap'
import { SLOTS } from '../../../src/limits.ts'
import { SCAN_BLOCK_BYTES } from '../../../src/storage/memcached/limits.ts'
import { batchesOf, createCollector } from '../../../src/storage/memcached/name-blocks.ts'

const items = fc.array(
  fc.record({
    slot: fc.oneof(fc.nat(20), fc.nat(SLOTS - 1)),
    tail: fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 240 })
  }),
  { maxLength: 300 }
)

/** Passes over the same items, each beginning where the one before left off; the names that each found. */
function passes(names: string[], wantedSlots: (slot: number) => boolean, budgetBytes: number): string[][] {
  const found: string[][] = []
  for (let floor = 0; floor < SLOTS;) {
    const wanted = Uint8Array.from({ length: SLOTS }, (_, slot) =>
      slot >= floor && wantedSlots(slot) ? 1 : 0
    )
    const collector = createCollector(wanted, budgetBytes)
    for (const name of names) collector.add(Number(name.slice(0, 4)), Buffer.from(name), name.length, 100)
    const pass = collector.finish()
    found.push([...batchesOf(pass, 7, 1e9)].flat())
    if (pass.nextSlot <= floor) throw new Error('no progress')
    floor = pass.nextSlot
  }
  return found
}

t.test('every wanted name comes in exactly one pass, and no pass is over the budget', async t => {
  fc.assert(
    fc.property(
      items,
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 1, max: 5 }),
      (items, budget, modulus) => {
        const names = items.map(({ slot, tail }, i) =>
          `${String(slot).padStart(4, '0')}:${i}${tail}`.slice(0, 250)
        )
        const wanted = (slot: number): boolean => slot % modulus === 0
        const found = passes(names, wanted, budget)
        const expected = names.filter(name => wanted(Number(name.slice(0, 4))))
        for (const pass of found) {
          const bytes = pass.reduce((sum, name) => sum + 3 + name.length, 0)
          const slots = new Set(pass.map(name => name.slice(0, 4)))
          if (bytes > budget && slots.size > 1) return false
        }
        return found.flat().sort().join() === expected.sort().join()
      }
    )
  )
  t.pass()
})

t.test('names beyond one block', async t => {
  const names = Array.from(
    { length: 30_000 },
    (_, i) => `${String(i % SLOTS).padStart(4, '0')}:${i}${'x'.repeat(100)}`
  )
  const found = passes(names, () => true, 2 * SCAN_BLOCK_BYTES)
  t.ok(found.length > 1)
  t.equal(new Set(found.flat()).size, names.length)
  t.equal(found.flat().length, names.length)
})

t.test('batches end at so many pairs or bytes, and a large item travels alone', async t => {
  const collector = createCollector(new Uint8Array(SLOTS).fill(1), 1e6)
  const sizes = [64, 64, 64, 6400, 64, 64]
  for (const [i, size] of sizes.entries()) collector.add(0, Buffer.from(`0000:${i}`), 6, size)
  const batches = [...batchesOf(collector.finish(), 2, 640)].map(batch => batch.map(name => name[5]).join(''))
  t.same(batches, ['01', '2', '3', '45'])
})
