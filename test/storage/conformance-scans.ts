// What every storage driver must do when all that it holds is listed or purged.

import { type Test } from 'tap'
import { tombstone } from '../../src/core/pairs/record.ts'
import { SCAN_BATCH_PAIRS } from '../../src/limits.ts'
import { collect, everySlot, fill, record, RING, slotFor } from './support.ts'
import { type Subject, AWKWARD_KEYS, found } from './conformance.ts'

export type Open = (t: Test) => Promise<Subject>

export async function scans(t: Test, open: Open): Promise<void> {
  const { storage, wall } = await open(t)
  t.same(await collect(storage.scan(everySlot)), [], 'nothing')
  const keys = await fill(storage, 3000)
  await storage.merge(20, 'gone', tombstone(record(1).version, wall.nowMs))
  for (const key of AWKWARD_KEYS) await storage.merge(30, key, record(1))
  const sizes: number[] = []
  const pairs = []
  for await (const batch of storage.scan(everySlot)) {
    sizes.push(batch.length)
    pairs.push(...batch)
  }
  t.ok(Math.max(...sizes) <= SCAN_BATCH_PAIRS, 'batches are bounded')
  t.notOk(sizes.includes(0), 'and not empty')
  t.same(pairs.map(({ key }) => key).sort(), [...keys, 'gone', ...AWKWARD_KEYS].sort(), 'each pair once')
  for (const { slot, key, record } of pairs) {
    if (key.startsWith('key') && (slot !== slotFor(Number(key.slice(3))) || record.version.timeMs !== 1)) {
      t.fail(`${key} in slot ${slot}`)
    }
  }
  t.ok(pairs.find(({ key }) => key === 'gone')?.record.deleted, 'tombstones too')
  const some = await collect(storage.scan(slot => slot === 30))
  t.same(some.map(({ key }) => key).sort(), [...AWKWARD_KEYS].sort(), 'the chosen slots only')
}

export async function scansUnderWrites(t: Test, open: Open): Promise<void> {
  const { storage } = await open(t)
  const keys = await fill(storage, 3000)
  const progress = { writing: true }
  let version = 1
  const writer = (async () => {
    for (let i = 0; progress.writing; i = (i + 7) % 3000) {
      version++
      await storage.merge(slotFor(i), `key${i}`, record(version, { value: Buffer.alloc(version % 2000) }))
      await storage.merge(version % 10, `new${version}`, record(1))
      // Others get their turn even where a merge needs no I/O.
      if (version % 50 === 0) await new Promise(resolve => setImmediate(resolve))
    }
  })()
  for (let round = 0; round < 3; round++) {
    const seen = (await collect(storage.scan(everySlot))).map(({ key }) => key)
    t.equal(new Set(seen).size, seen.length, 'each once')
    const set = new Set(seen)
    t.same(
      keys.filter(key => !set.has(key)),
      [],
      'none missing'
    )
  }
  progress.writing = false
  await writer
}

export async function abandonedScan(t: Test, open: Open): Promise<void> {
  const { storage } = await open(t)
  await fill(storage, 2000)
  const stopped = storage.scan(everySlot)[Symbol.asyncIterator]()
  t.ok((await stopped.next()).value?.length > 0)
  await stopped.return?.()
  t.ok((await stopped.next()).done, 'stopped')
  storage.scan(everySlot)
  const begun = storage.scan(everySlot)[Symbol.asyncIterator]()
  await begun.next()
  t.equal((await collect(storage.scan(everySlot))).length, 2000, 'the next one is whole')
}

export async function purges(t: Test, open: Open): Promise<void> {
  const { storage, ringRecord } = await open(t)
  await ringRecord.add(RING)
  await fill(storage, 1000)
  await storage.merge(3, 'a b', record(1))
  t.match(await storage.stats(), { pairs: 1001, bytes: Number, limitBytes: Number })
  t.equal(await storage.purge(slot => slot === 3), 101)
  t.equal(await found(storage, 3, 'key3'), 'miss')
  t.equal((await collect(storage.scan(everySlot))).length, 900)
  t.equal(await storage.purge(everySlot), 900)
  t.equal(await storage.purge(everySlot), 0)
  t.match(await storage.stats(), { pairs: 0 })
  t.equal(await ringRecord.read(), RING, 'the ring record is no pair')
}
