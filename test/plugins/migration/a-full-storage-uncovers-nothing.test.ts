// What becomes of copied pairs for which a storage has no room. A look leaves out what is new here, and what
// stays for ever; but an older value whose tombstone does not fit is dropped, once a quorum has the
// tombstone. A recovery takes what fits and counts the rest.

import t from 'tap'
import { createCopying } from '../../../plugins/migration/index.ts'
import { ignoreWhatIsNew, takeWhatFits, type RoomPorts } from '../../../plugins/migration/room.ts'
import { KvError } from '../../../src/errors.ts'
import {
  failed,
  MISS,
  STORED,
  type FailureReason,
  type GetResult,
  type MergeResult,
  type Pair
} from '../../../src/core/ports.ts'
import { endedRecord, tombstone, type PairRecord } from '../../../src/core/pairs/record.ts'
import { fakeCopying, fakeStorage, installedRing } from './copying-fakes.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

const version = (timeMs: number) => ({ timeMs, counter: 0, writer: 1 })
const value = (timeMs: number, expiresAtMs = 0): PairRecord => ({
  version: version(timeMs),
  deleted: false,
  expiresAtMs,
  contentType: '',
  value: Buffer.from('x')
})
const pairOf = (record: PairRecord): Pair => ({ slot: 7, key: 'key', record })
const GONE = tombstone(version(20), 20)
const CHANGED = { message: 'the ring has changed meanwhile' }

interface Answers {
  readonly merge?: MergeResult
  readonly get?: GetResult
  /** What a quorum has. */
  readonly read?: PairRecord | undefined
  readonly discard?: FailureReason
  /** The storage operation before which another ring comes that is not in force yet. */
  readonly changesAt?: 'merge' | 'discard'
}

/** `discarded`: the slots, keys and versions. */
async function setup({ merge = failed('full'), get = MISS, read, discard, changesAt }: Answers) {
  const ring = await installedRing(ringOf(1))
  const { within } = ring
  let operations = 0
  const discarded: unknown[] = []
  const app = {
    ring: Object.assign(ring, {
      within: async (...args: Parameters<typeof within>) =>
        ++operations === { merge: 1, discard: 2 }[changesAt ?? 'merge'] && changesAt !== undefined
          ? undefined
          : within(...args)
    }),
    storage: Object.assign(fakeStorage(), {
      merge: async () => merge,
      get: async () => get,
      async discard(...what: unknown[]) {
        discarded.push(what)
        return discard && failed(discard)
      }
    }),
    coordinator: { read: async () => ({ plan: ring.plan(7), record: read }) }
  } as unknown as RoomPorts
  return { app, discarded }
}

async function look(record: PairRecord, answers: Answers) {
  const { app, discarded } = await setup(answers)
  return { wrong: await ignoreWhatIsNew(app)([pairOf(record)]), discarded }
}

const found = (record: PairRecord): GetResult => ({ kind: 'found', record })
const nothing = { wrong: undefined, discarded: [] }

t.test('a look leaves out what does no harm', async t => {
  t.same(await look(GONE, { merge: STORED }), nothing, 'there is room by now')
  t.same(await look(GONE, { get: MISS }), nothing, 'new here')
  t.same(await look(value(20), { get: found(value(10)) }), nothing, 'stays for ever')
  t.same(
    await look(endedRecord(value(10, 15)), { get: found(value(10, 15)) }),
    nothing,
    'the end of this very value'
  )
})

t.test('a look drops what would be uncovered, once a quorum has what comes after it', async t => {
  for (const read of [GONE, value(30)]) {
    t.same(await look(GONE, { get: found(value(10)), read }), {
      wrong: undefined,
      discarded: [[7, 'key', version(10)]]
    })
  }
  t.same(
    (await look(value(20, 25), { get: found(value(10)), read: value(20, 25) })).discarded,
    [[7, 'key', version(10)]],
    'under a value that lasts for a time as well'
  )
  for (const read of [undefined, value(10)]) {
    t.match(await look(GONE, { get: found(value(10)), read }), { wrong: { message: /full/ }, discarded: [] })
  }
})

t.test('a look that meets an error says so', async t => {
  t.match(await look(GONE, { merge: failed('timeout') }), { wrong: { message: /timeout/ } })
  t.match(await look(GONE, { get: failed('unreachable') }), {
    wrong: { message: /unreachable/ },
    discarded: []
  })
  t.match(await look(GONE, { get: found(value(10)), read: GONE, discard: 'timeout' }), {
    wrong: { message: /timeout/ }
  })
  const { app } = await setup({ get: found(value(10)) })
  app.coordinator.read = async () => {
    throw new KvError('KV_ERR_QUORUM')
  }
  t.match(await ignoreWhatIsNew(app)([pairOf(GONE)]), { code: 'KV_ERR_QUORUM' })
})

t.test('a ring that comes meanwhile ends a look', async t => {
  t.match(await look(GONE, { changesAt: 'merge' }), { wrong: CHANGED, discarded: [] })
  t.match(await look(GONE, { get: found(value(10)), read: GONE, changesAt: 'discard' }), {
    wrong: CHANGED,
    discarded: []
  })
  const { app } = await setup({})
  Object.defineProperty(app.ring, 'view', { value: undefined })
  t.match(await ignoreWhatIsNew(app)([pairOf(GONE)]), CHANGED)
})

t.test('a look goes through all pairs', async t => {
  const { app, discarded } = await setup({ get: found(value(10)), read: GONE })
  t.equal(await ignoreWhatIsNew(app)([pairOf(GONE), { ...pairOf(GONE), key: 'other' }]), undefined)
  t.same(discarded, [
    [7, 'key', version(10)],
    [7, 'other', version(10)]
  ])
})

t.test('a recovery takes what fits and counts the rest', async t => {
  const recover = async (answers: Answers, results?: MergeResult[]) => {
    let left = 0
    const { app } = await setup(answers)
    if (results !== undefined) app.storage.merge = async () => results.shift() as MergeResult
    const wrong = await takeWhatFits(app, pairs => {
      left += pairs
    })([pairOf(GONE), pairOf(GONE), pairOf(GONE)])
    return { wrong, left }
  }
  t.same(await recover({ merge: STORED }), { wrong: undefined, left: 0 })
  t.same(await recover({}), { wrong: undefined, left: 3 })
  t.same(await recover({}, [failed('full'), STORED, failed('full')]), { wrong: undefined, left: 2 })
  t.match(await recover({}, [STORED, failed('timeout')]), { wrong: { message: /timeout/ }, left: 0 })
  t.match(await recover({ changesAt: 'merge' }), { wrong: CHANGED, left: 0 })
})

t.test('a recovery that left something out is not complete, and says why', async t => {
  const { app, storage } = await fakeCopying(ringOf(1), () => Infinity)
  storage.mergeAll = storage.merge = async () => failed('full')
  t.match(await createCopying(app, { async report() {} }).fetch(ringOf(1), true), {
    complete: false,
    waitsFor: /more memory.* 1 of the pairs/
  })
  storage.mergeAll = storage.merge = async () => failed('timeout')
  t.match(
    await createCopying(app, { async report() {} }).fetch(ringOf(1), true),
    { complete: false, waitsFor: /timeout/ },
    'something else'
  )
  storage.mergeAll = storage.merge = async () => failed('full')
  const look = await createCopying(app, { async report() {} }).fetch(ringOf(1), false)
  t.same(look, { complete: true }, 'a look may leave out what is new here')
})

t.test('where there is room, pairs are merged once', async t => {
  const { app, storage } = await fakeCopying(ringOf(1), () => Infinity)
  let merges = 0
  storage.merge = async () => {
    merges++
    return STORED
  }
  for (const forgotten of [true, false]) {
    t.match(await createCopying(app, { async report() {} }).fetch(ringOf(1), forgotten), { complete: true })
  }
  t.equal(merges, 0, 'all at a time, and none by itself')
})
