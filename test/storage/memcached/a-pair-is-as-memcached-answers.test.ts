// What getting, merging, copying and discarding a pair make of each answer of Memcached: a failure is never a
// miss, a newer record is never replaced, one that another writer put in between is looked at again, and
// whatever comes, the next merge of the key may go on.

import t from 'tap'
import { failed, MISS, STORED } from '../../../src/core/ports.ts'
import { tombstone, type PairRecord } from '../../../src/core/pairs/record.ts'
import { TOMBSTONE_GRACE_MS } from '../../../src/limits.ts'
import { type Client } from '../../../src/storage/memcached/client.ts'
import { type Connection } from '../../../src/storage/memcached/connection-api.ts'
import { discardPair } from '../../../src/storage/memcached/discard.ts'
import { createLargeNames } from '../../../src/storage/memcached/large-names.ts'
import { createLanes } from '../../../src/storage/memcached/lanes.ts'
import { MERGE_ATTEMPTS } from '../../../src/storage/memcached/limits.ts'
import { encodeItem, pairName } from '../../../src/storage/memcached/names.ts'
import { getPair, mergePair, mergePairs, type PairPorts } from '../../../src/storage/memcached/pairs.ts'

const NOW_MS = 1_800_000_000_000
const NAME = pairName(5, 'key')
const record = (timeMs: number, expiresAtMs = 0): PairRecord => ({
  version: { timeMs, counter: 0, writer: 1 },
  deleted: false,
  expiresAtMs,
  contentType: '',
  value: Buffer.from('x')
})
const holds = (it: PairRecord) => ({ kind: 'value', bytes: encodeItem(NAME, 'key', it), cas: '7' })
const DEAD = {
  kind: 'value',
  bytes: encodeItem(NAME, 'key', record(9, NOW_MS - TOMBSTONE_GRACE_MS)),
  cas: '7'
}
const FOREIGN = { kind: 'value', bytes: Buffer.from('not of this store'), cas: '7' }

type Verb = 'get' | 'gets' | 'add' | 'cas' | 'discard'

/**
 * A Memcached that gives to each verb the answers that are listed, the last one again and again. `asked`: the
 * verbs and what came with them.
 */
function setup(answers: { readonly [verb in Verb]?: readonly object[] }, lanes = createLanes(9)) {
  const asked: string[] = []
  const unreadable: string[] = []
  const left = new Map(Object.entries(answers).map(([verb, list]) => [verb, [...list]]))
  const answer = (verb: Verb, ...what: unknown[]) => {
    asked.push([verb, ...what].join(' '))
    const list = left.get(verb) as object[]
    return list.length > 1 ? list.shift() : list[0]
  }
  const connection = {
    get(_name: string, done: (reply: unknown) => void) {
      done(answer('get'))
    },
    gets(_name: string, done: (reply: unknown) => void) {
      done(answer('gets'))
    },
    add(_name: string, expiry: number, _body: Buffer, done: (reply: unknown) => void) {
      done(answer('add', expiry))
    },
    cas(_name: string, expiry: number, _body: Buffer, cas: string, done: (reply: unknown) => void) {
      done(answer('cas', expiry, cas))
    },
    discard(_name: string, cas: string, done: (reply: unknown) => void) {
      done(answer('discard', cas))
    }
  } as unknown as Connection
  const client: Client = { pick: () => connection, close() {} }
  const ports: PairPorts = {
    client,
    lanes,
    large: createLargeNames(),
    wallMs: () => NOW_MS,
    unreadable: name => unreadable.push(name)
  }
  return { ports, asked, unreadable }
}

const down = () => ({ ...setup({}).ports, client: { pick: () => failed('unreachable'), close() {} } })
const kind = (it: string) => ({ kind: it })

t.test('get', async t => {
  const get = (reply: object) => getPair(setup({ get: [reply] }).ports, 5, 'key')
  t.match(await get(holds(record(3))), { kind: 'found', record: { version: { timeMs: 3 } } })
  t.equal(await get(MISS), MISS)
  t.same(await get(failed('timeout')), failed('timeout'))
  t.equal(await get(DEAD), MISS, 'past its grace')
  const { ports, unreadable } = setup({ get: [FOREIGN] })
  t.same(await getPair(ports, 5, 'key'), failed('unreachable'))
  t.same(unreadable, [NAME])
  t.same(await getPair(down(), 5, 'key'), failed('unreachable'))
})

t.test('a merge looks, and puts the record where there is less', async t => {
  const merge = async (gets: object, put: object = STORED) => {
    const { ports, asked } = setup({ gets: [gets], add: [put], cas: [put] })
    return { result: await mergePair(ports, 5, 'key', record(3)), asked }
  }
  t.same(await merge(MISS), { result: STORED, asked: ['gets', 'add 0'] })
  t.same(await merge(holds(record(2))), { result: STORED, asked: ['gets', 'cas 0 7'] })
  t.same(await merge(holds(record(3))), { result: STORED, asked: ['gets'] }, 'it is there already')
  t.match(await merge(holds(record(4))), {
    result: { kind: 'stale', version: { timeMs: 4 } },
    asked: ['gets']
  })
  t.same(
    await merge(DEAD),
    { result: STORED, asked: ['gets', 'cas 0 7'] },
    'what is past its grace is not there'
  )
  t.same(await merge(FOREIGN), { result: failed('unreachable'), asked: ['gets'] })
  t.same(
    await merge(failed('timeout')),
    { result: failed('unreachable'), asked: ['gets'] },
    'nothing was written'
  )
  t.same(await merge(failed('overloaded')), { result: failed('overloaded'), asked: ['gets'] })
  for (const gets of [MISS, holds(record(2))]) {
    t.same((await merge(gets, kind('full'))).result, failed('full'))
    t.same((await merge(gets, failed('timeout'))).result, failed('timeout'), 'it may have been written')
  }
  t.same(await mergePair(down(), 5, 'key', record(3)), failed('unreachable'))
})

t.test('what may be forgotten once tells Memcached when', async t => {
  const { ports, asked } = setup({ gets: [MISS], add: [STORED] })
  await mergePair(ports, 5, 'key', tombstone({ timeMs: NOW_MS, counter: 0, writer: 1 }, NOW_MS))
  await mergePair(ports, 5, 'key', record(3, NOW_MS - TOMBSTONE_GRACE_MS))
  const end = (NOW_MS + TOMBSTONE_GRACE_MS) / 1000
  t.same(
    asked,
    ['gets', `add ${end}`, 'gets', `add ${end}`],
    'and what is past its grace is kept for another'
  )
})

t.test('a merge that loses a race looks again', async t => {
  const { ports, asked } = setup({
    gets: [MISS, holds(record(2)), holds(record(4))],
    add: [kind('not-stored')],
    cas: [kind('exists')]
  })
  t.match(await mergePair(ports, 5, 'key', record(3)), { kind: 'stale' })
  t.same(asked, ['gets', 'add 0', 'gets', 'cas 0 7', 'gets'])
  const lost = setup({ gets: [MISS], add: [kind('not-stored')] })
  t.same(await mergePair(lost.ports, 5, 'key', record(3)), failed('overloaded'))
  t.equal(lost.asked.length, 2 * MERGE_ATTEMPTS)
})

t.test('merges of one key go one after the other, and no more than may wait', async t => {
  const lanes = createLanes(1)
  const { ports, asked } = setup({ gets: [MISS], add: [STORED] }, lanes)
  t.equal(lanes.enter(NAME), undefined)
  const second = mergePair(ports, 5, 'key', record(3))
  t.same(await mergePair(ports, 5, 'key', record(3)), failed('overloaded'))
  t.same(asked, [])
  lanes.leave(NAME)
  t.same(await second, STORED)
  t.equal(lanes.enter(NAME), undefined, 'the turn was given back')
})

t.test('pairs that are copied are added, and merged where there is something', async t => {
  const copy = async (answers: Parameters<typeof setup>[0], pairs = 1) => {
    const { ports, asked } = setup(answers)
    return {
      failure: await mergePairs(
        ports,
        Array.from({ length: pairs }, () => ({ slot: 5, key: 'key', record: record(3) }))
      ),
      asked
    }
  }
  t.same(await copy({}, 0), { failure: undefined, asked: [] })
  t.same(await copy({ add: [STORED] }, 2), { failure: undefined, asked: ['add 0', 'add 0'] })
  t.same(
    (await copy({ add: [STORED, kind('full'), failed('timeout'), STORED] }, 4)).failure,
    failed('full'),
    'the first failure'
  )
  t.same((await copy({ add: [failed('timeout')] })).failure, failed('timeout'))
  t.same(await copy({ add: [kind('not-stored')], gets: [holds(record(2))], cas: [STORED] }), {
    failure: undefined,
    asked: ['add 0', 'gets', 'cas 0 7']
  })
  t.same(
    (await copy({ add: [kind('not-stored')], gets: [failed('overloaded')] })).failure,
    failed('overloaded')
  )
  t.same(await mergePairs(down(), [{ slot: 5, key: 'key', record: record(3) }]), failed('unreachable'))
})

t.test('a pair is discarded only if it is still the one that was seen', async t => {
  const discard = async (gets: object, reply: object = kind('deleted')) => {
    const { ports, asked } = setup({ gets: [gets], discard: [reply] })
    return { failure: await discardPair(ports, 5, 'key', record(3).version), asked }
  }
  t.same(await discard(holds(record(3))), { failure: undefined, asked: ['gets', 'discard 7'] })
  for (const gets of [holds(record(4)), holds(record(2)), MISS]) {
    t.same(await discard(gets), { failure: undefined, asked: ['gets'] })
  }
  t.same(await discard(failed('timeout')), { failure: failed('timeout'), asked: ['gets'] })
  t.same(await discard(FOREIGN), { failure: failed('unreachable'), asked: ['gets'] })
  t.same((await discard(holds(record(3)), kind('exists'))).failure, undefined)
  t.same((await discard(holds(record(3)), failed('timeout'))).failure, failed('timeout'))
  t.same(await discardPair(down(), 5, 'key', record(3).version), failed('unreachable'))
})
