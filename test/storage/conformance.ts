// What every storage driver must do, in terms of the port alone. Each driver's own test file runs it.

import fc from 'fast-check'
import { type Test } from 'tap'
import { RECOVERING_MARK, type RingRecord, type Storage } from '../../src/core/ports.ts'
import { endedRecord, tombstone, type PairRecord } from '../../src/core/pairs/record.ts'
import { TOMBSTONE_GRACE_MS } from '../../src/limits.ts'
import { collect, everySlot, record, RING } from './support.ts'
import { scans, scansUnderWrites, abandonedScan, purges, type Open } from './conformance-scans.ts'

export interface Subject {
  readonly storage: Storage
  readonly ringRecord: RingRecord
  /** The storage's wall clock, which begins at the real time. */
  readonly wall: { nowMs: number }
}

export const AWKWARD_KEYS = [
  'plain',
  ' ',
  'a b',
  'line\nfeed',
  'cr\r\nflush_all\r\n',
  '%',
  '%20',
  'a:b#c',
  'ring',
  'ключ',
  '🗝',
  '\0',
  '\x7f',
  'é'.repeat(512),
  'x'.repeat(240),
  'x'.repeat(241),
  'x'.repeat(1024)
]

/** Runs the suite; `open` gives a fresh, empty storage each time. */
export async function conforms(t: Test, open: (t: Test) => Promise<Subject>): Promise<void> {
  await t.test('what was merged is read', t => roundTrips(t, open))
  await t.test('the newest version stays', t => newestStays(t, open))
  await t.test('many merged at once end as one by one', t => mergesMany(t, open))
  await t.test('any merges end as the model does', t => matchesModel(t, open))
  await t.test('what is past its grace is absent', t => forgets(t, open))
  await t.test('what is past its grace when it comes is kept for another', t => keepsWhatComesLate(t, open))
  await t.test('a value found expired ends', t => endsValues(t, open))
  await t.test('a merged value is a copy', t => copies(t, open))
  await t.test('concurrent merges of one key', t => concurrentMerges(t, open))
  await t.test('a pair is discarded only as it was seen', t => discards(t, open))
  await t.test('scan', t => scans(t, open))
  await t.test('scan while others write', t => scansUnderWrites(t, open))
  await t.test('a scan that nobody finishes', t => abandonedScan(t, open))
  await t.test('purge', t => purges(t, open))
  await t.test('memory follows the ring record', t => remembers(t, open))
  await t.test('the ring record', t => keepsRing(t, open))
}

export async function found(storage: Storage, slot: number, key: string): Promise<PairRecord | string> {
  const result = await storage.get(slot, key)
  return result.kind === 'found' ? result.record : result.kind
}

function same(t: Test, actual: PairRecord | string, expected: PairRecord, name: string): void {
  const { version, deleted, expiresAtMs, contentType, value } = expected
  if (typeof actual === 'string') t.fail(`${name}: ${actual}`)
  else {
    t.ok(actual.value.equals(value), `${name}: value`) &&
      t.match(actual, { version, deleted, expiresAtMs, contentType }, name)
  }
}

async function discards(t: Test, open: Open): Promise<void> {
  const { storage } = await open(t)
  for (const key of ['plain', 'x'.repeat(1024)]) {
    t.equal(await storage.discard(7, key, record(1).version), undefined, 'what is not there')
    await storage.merge(7, key, record(2))
    t.equal(await storage.discard(7, key, record(1).version), undefined, 'an older one')
    t.equal(await storage.discard(7, key, record(3).version), undefined, 'a newer one')
    same(t, await found(storage, 7, key), record(2), 'is not there')
    t.equal(await storage.discard(7, key, record(2).version), undefined)
    t.equal(await found(storage, 7, key), 'miss')
  }
}

async function roundTrips(t: Test, open: Open): Promise<void> {
  const { storage, wall } = await open(t)
  for (const [slot, key] of AWKWARD_KEYS.entries()) {
    const name = JSON.stringify(key.slice(0, 20))
    t.equal((await storage.get(slot, key)).kind, 'miss', name)
    t.same(await storage.merge(slot, key, record(slot + 1)), { kind: 'stored' }, name)
    same(t, await found(storage, slot, key), record(slot + 1), name)
    t.equal((await storage.get(slot + 100, key)).kind, 'miss', `${name} in another slot`)
  }
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const records = {
    empty: record(1, { value: Buffer.alloc(0) }),
    large: record(2, { value: Buffer.alloc(1_000_000, 'END\r\n') }),
    'every byte': record(3, { value: every, contentType: 'text/plain; charset=utf-8' }),
    expiring: record(4, { expiresAtMs: wall.nowMs + 60_000 }),
    'far away': record(5, { expiresAtMs: 2 ** 48 - 1 - TOMBSTONE_GRACE_MS }),
    deleted: tombstone({ timeMs: 6, counter: 0xffff, writer: 2 ** 48 - 1 }, wall.nowMs)
  }
  for (const [key, written] of Object.entries(records)) {
    t.same(await storage.merge(9999, key, written), { kind: 'stored' }, key)
    same(t, await found(storage, 9999, key), written, key)
  }
}

async function mergesMany(t: Test, open: Open): Promise<void> {
  const { storage, wall } = await open(t)
  t.equal(await storage.mergeAll([]), undefined)
  await storage.merge(1, 'newer', record(9))
  await storage.merge(1, 'older', record(2))
  const pairs = ['newer', 'older', 'absent', ...AWKWARD_KEYS].map(key => ({
    slot: 1,
    key,
    record: record(5, { value: Buffer.from(`of ${key}`) })
  }))
  const late = {
    slot: 1,
    key: 'late',
    record: tombstone({ timeMs: 6, counter: 0, writer: 1 }, wall.nowMs - 2 * TOMBSTONE_GRACE_MS)
  }
  t.equal(await storage.mergeAll([...pairs, late]), undefined)
  same(t, await found(storage, 1, 'newer'), record(9), 'what is newer stays')
  for (const { slot, key, record } of pairs.slice(1)) {
    same(t, await found(storage, slot, key), record, JSON.stringify(key.slice(0, 20)))
  }
  same(
    t,
    await found(storage, 1, 'late'),
    { ...late.record, expiresAtMs: wall.nowMs },
    'what comes past its grace is kept from now on'
  )
  t.equal(await storage.mergeAll(pairs), undefined, 'the same again')
}

async function newestStays(t: Test, open: Open): Promise<void> {
  const { storage } = await open(t)
  t.same(await storage.merge(1, 'k', record(5)), { kind: 'stored' })
  t.same(
    await storage.merge(1, 'k', record(4)),
    { kind: 'stale', version: record(5).version },
    'an older one'
  )
  same(t, await found(storage, 1, 'k'), record(5), 'is not stored')
  t.same(await storage.merge(1, 'k', record(5)), { kind: 'stored' }, 'the same again')
  t.same(await storage.merge(1, 'k', record(6)), { kind: 'stored' }, 'a newer one')
  same(t, await found(storage, 1, 'k'), record(6), 'is')
  const writer = { ...record(6).version, writer: 0 }
  t.same(
    await storage.merge(1, 'k', record(6, { version: writer })),
    { kind: 'stale', version: record(6).version },
    'by writer'
  )
}

async function matchesModel(t: Test, open: Open): Promise<void> {
  const { storage } = await open(t)
  let run = 0
  const steps = fc.array(
    fc.record({ key: fc.nat(3), n: fc.integer({ min: 1, max: 30 }), deleted: fc.boolean() }),
    { maxLength: 40 }
  )
  await fc.assert(
    fc.asyncProperty(steps, async steps => {
      run++
      const model = new Map<string, number>()
      const results = await Promise.all(
        steps.map(({ key, n, deleted }) =>
          storage.merge(key, `${run} ${key}`, deleted ? tombstone(record(n).version, Date.now()) : record(n))
        )
      )
      for (const [i, { key, n, deleted }] of steps.entries()) {
        const name = `${run} ${key}`
        const newest = model.get(name) ?? 0
        // Of one version, the end of a value comes after it.
        const rank = 2 * n + Number(deleted)
        const expected = rank >= newest ? 'stored' : 'stale'
        if (results[i]?.kind !== expected) {
          throw new Error(`step ${i}: ${JSON.stringify(results[i])} instead of ${expected}`)
        }
        model.set(name, Math.max(rank, newest))
      }
      for (const [name, rank] of model) {
        const stored = await found(storage, Number(name.split(' ')[1]), name)
        if (typeof stored === 'string' || 2 * stored.version.timeMs + Number(stored.deleted) !== rank) {
          throw new Error(`${name} is not at ${rank}`)
        }
      }
    }),
    { numRuns: 60 }
  )
  t.pass('as the model')
}

async function forgets(t: Test, open: Open): Promise<void> {
  const { storage, wall } = await open(t)
  const lastMs = wall.nowMs + 3_600_000
  await storage.merge(1, 'k', record(9, { expiresAtMs: lastMs - TOMBSTONE_GRACE_MS }))
  await storage.merge(1, 'other', record(1))
  wall.nowMs = lastMs - 1
  t.type(await found(storage, 1, 'k'), Object, 'past its time and within its grace it is there')
  t.same(
    await storage.merge(1, 'k', record(8)),
    { kind: 'stale', version: record(9).version },
    'and hides what is older'
  )
  wall.nowMs = lastMs
  t.equal(await found(storage, 1, 'k'), 'miss')
  t.same(
    (await collect(storage.scan(everySlot))).map(({ key }) => key),
    ['other'],
    'in a scan too'
  )
  t.same(await storage.merge(1, 'k', record(2)), { kind: 'stored' }, 'what is older is hidden no more')
  same(t, await found(storage, 1, 'k'), record(2), 'and is stored')
}

async function keepsWhatComesLate(t: Test, open: Open): Promise<void> {
  const { storage, wall } = await open(t)
  const arrivedMs = wall.nowMs
  await storage.merge(1, 'k', record(8))
  const late = tombstone(record(9).version, arrivedMs - TOMBSTONE_GRACE_MS)
  t.same(await storage.merge(1, 'k', late), { kind: 'stored' })
  same(t, await found(storage, 1, 'k'), { ...late, expiresAtMs: arrivedMs }, 'stored means stored')
  t.same(
    await storage.merge(1, 'k', record(8)),
    { kind: 'stale', version: late.version },
    'and it hides what is older'
  )
  t.same(
    (await collect(storage.scan(everySlot))).map(({ record }) => record.deleted),
    [true],
    'at other replicas too'
  )
  t.same(
    await storage.merge(1, 'value', record(9, { expiresAtMs: 1 })),
    { kind: 'stored' },
    'a value that is over likewise'
  )
  same(t, await found(storage, 1, 'value'), record(9, { expiresAtMs: arrivedMs }), 'and over it is')
  wall.nowMs = arrivedMs + TOMBSTONE_GRACE_MS - 1
  t.type(await found(storage, 1, 'k'), Object, 'for a full grace')
  t.same(await storage.merge(1, 'k', late), { kind: 'stored' }, 'the same again')
  wall.nowMs = arrivedMs + TOMBSTONE_GRACE_MS
  t.equal(await found(storage, 1, 'k'), 'miss', 'and not for longer')
}

async function endsValues(t: Test, open: Open): Promise<void> {
  const { storage, wall } = await open(t)
  const value = record(5, { expiresAtMs: wall.nowMs + 1_000, contentType: 'text/plain' })
  const end = endedRecord(value)
  await storage.merge(1, 'k', value)
  t.same(await storage.merge(1, 'k', end), { kind: 'stored' })
  same(t, await found(storage, 1, 'k'), end, 'the end takes the place of its value')
  t.same(
    await storage.merge(1, 'k', value),
    { kind: 'stale', version: value.version },
    'which does not come back'
  )
  t.equal(await storage.mergeAll([{ slot: 1, key: 'k', record: value }]), undefined)
  same(t, await found(storage, 1, 'k'), end, 'not by a copy either')
  t.same(await storage.merge(1, 'k', end), { kind: 'stored' }, 'the same again')
  t.same(await storage.merge(1, 'k', record(6)), { kind: 'stored' })
  t.same(
    await storage.merge(1, 'k', end),
    { kind: 'stale', version: record(6).version },
    'and ends no later value'
  )
  t.equal(
    await storage.mergeAll([
      { slot: 1, key: 'copied', record: value },
      { slot: 1, key: 'copied', record: end }
    ]),
    undefined
  )
  same(t, await found(storage, 1, 'copied'), end, 'a copy brings it along')
}

async function copies(t: Test, open: Open): Promise<void> {
  const { storage } = await open(t)
  const chunk = Buffer.from('xxvaluexx')
  const merged = storage.merge(1, 'k', record(1, { value: chunk.subarray(2, 7) }))
  await merged
  chunk.fill('!')
  same(
    t,
    await found(storage, 1, 'k'),
    record(1, { value: Buffer.from('value') }),
    'after the buffer was used again'
  )
}

async function concurrentMerges(t: Test, open: Open): Promise<void> {
  const { storage } = await open(t)
  const order = Array.from({ length: 64 }, (_, i) => ((i * 37) % 64) + 1)
  const results = await Promise.all(order.map(n => storage.merge(1, 'k', record(n))))
  t.notOk(results.find(({ kind }) => kind === 'failed'))
  same(t, await found(storage, 1, 'k'), record(64), 'the newest')
}

async function remembers(t: Test, open: Open): Promise<void> {
  const { storage, ringRecord } = await open(t)
  t.equal(storage.incarnation, 0, 'no ring record')
  t.same(await storage.merge(1, 'k', record(1)), { kind: 'stored' }, 'it works all the same')
  await ringRecord.add(RECOVERING_MARK)
  await storage.recheck()
  t.equal(storage.incarnation, 0, 'no ring in it')
  await ringRecord.replace(RING)
  await storage.recheck()
  const { incarnation } = storage
  t.ok(incarnation > 0)
  await ringRecord.replace(RING + ' ')
  await storage.recheck()
  t.equal(storage.incarnation, incarnation, 'another ring is no other memory')
  await ringRecord.replace(RECOVERING_MARK)
  await storage.recheck()
  t.equal(storage.incarnation, 0)
  await ringRecord.replace(RING)
  await storage.recheck()
  t.ok(storage.incarnation > incarnation, 'a memory that came back is another one')
}

async function keepsRing(t: Test, open: Open): Promise<void> {
  const { ringRecord } = await open(t)
  t.equal(await ringRecord.read(), undefined)
  t.equal(await ringRecord.replace('{1'), false, 'nothing to replace')
  t.equal(await ringRecord.read(), undefined)
  t.equal(await ringRecord.add('{2'), true)
  t.equal(await ringRecord.add('{3'), false, 'something is there')
  t.equal(await ringRecord.read(), '{2')
  t.equal(await ringRecord.replace('{"ü":"' + 'x'.repeat(300_000) + '"}'), true)
  t.equal(await ringRecord.read(), '{"ü":"' + 'x'.repeat(300_000) + '"}')
}
