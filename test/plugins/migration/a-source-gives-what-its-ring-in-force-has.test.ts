// A source gives its pairs only under the ring that it is asked by, once that is in force at the whole node,
// as what was taken under older rings has ended then; and its end says that it remembers only if it did so
// from the first pair to the last.

import t from 'tap'
import { type FastifyInstance } from 'fastify'
import { openSource, type Source } from '../../../plugins/migration/source.ts'
import { createPairDecoder, encodePairs } from '../../../src/core/messages/pair-stream.ts'
import { type Pair } from '../../../src/core/ports.ts'
import { fakeStorage, installedRing } from './copying-fakes.ts'
import { NODE, OTHER, pass, ringOf, settle } from '../../keeper/keeper-fakes.ts'

const pace = { observe() {}, restMs: () => 0, share: 1 }
const clock = { wallMs: () => 1000 } as FastifyInstance['clock']
const PAIR: Pair = {
  slot: 5,
  key: 'key',
  record: {
    version: { timeMs: 1, counter: 0, writer: 1 },
    deleted: false,
    expiresAtMs: 0,
    contentType: '',
    value: Buffer.from('x')
  }
}

async function endOf({ pieces }: Source): Promise<{ remembers: boolean }> {
  const decoder = createPairDecoder()
  for await (const piece of pieces) decoder.push(piece)
  return decoder.finish()
}

t.test('it waits until the ring is in force', async t => {
  const ring = await installedRing(ringOf(3), false)
  let opened: Source | undefined
  const opening = openSource({ ring, storage: fakeStorage(), pace, clock }, ringOf(3), [[0, 9]]).then(
    source => {
      opened = source
    }
  )
  await settle()
  t.equal(opened, undefined)
  ring.serve(ringOf(3))
  await opening
  t.not(opened, undefined)
})

t.test('it takes a newer ring over first', async t => {
  const ring = await installedRing(ringOf(3))
  const moved = ringOf(4, [NODE, OTHER, '127.0.0.1:5003'])
  ring.install = async newer => {
    await ring.switchTo(newer)
    ring.serve(newer)
  }
  t.ok(await openSource({ ring, storage: fakeStorage(), pace, clock }, moved, [[0, 9]]))
  t.equal(ring.view?.ring.epoch, 4)
})

t.test('another ring than the one that is asked by', async t => {
  const ring = await installedRing(ringOf(4, [NODE, OTHER, '127.0.0.1:5003']))
  await t.rejects(openSource({ ring, storage: fakeStorage(), pace, clock }, ringOf(3), [[0, 9]]), {
    code: 'KV_ERR_FENCED'
  })
})

t.test('a memory that is lost in the middle', async t => {
  const storage = fakeStorage()
  storage.scan = async function* () {
    yield [PAIR]
    storage.incarnation = 2
  }
  const source = await openSource({ ring: await installedRing(ringOf(3)), storage, pace, clock }, ringOf(3), [
    [0, 9]
  ])
  t.match(await endOf(source), { remembers: false })
})

t.test('the pace is told of each piece what it was and how long it took, and has it rest', async t => {
  const storage = fakeStorage()
  storage.scan = async function* () {
    for (let i = 0; i < 3; i++) {
      pass(5)
      yield [PAIR]
    }
  }
  const beganMs = performance.now()
  const told: number[][] = []
  const noting = {
    ...pace,
    restMs(workMs: number, bytes: number) {
      told.push([workMs, bytes])
      return 20
    }
  }
  const ring = await installedRing(ringOf(3))
  await endOf(await openSource({ ring, storage, pace: noting, clock }, ringOf(3), [[0, 9]]))
  const sinceMs = performance.now() - beganMs
  const { length } = encodePairs([PAIR])
  t.same(
    told.map(([, bytes]) => bytes),
    [length, length, length]
  )
  t.ok(told.every(([workMs = 0]) => workMs >= 4))
  const sumMs = told.reduce((sum, [workMs = 0]) => sum + workMs, 0)
  t.ok(sumMs + 3 * 19 <= sinceMs, `${sumMs} of ${sinceMs} ms`)
})

t.test('a memory that stays', async t => {
  const source = await openSource(
    { ring: await installedRing(ringOf(3)), storage: fakeStorage(), pace, clock },
    ringOf(3),
    [[0, 9]]
  )
  t.match(await endOf(source), { remembers: true })
})

t.test('it reckons how many pairs it will give, as if they lay evenly', async t => {
  const half = { ...ringOf(3), replicas: 1 }
  const expected = async (ring: ReturnType<typeof ringOf>, ...ranges: Array<[number, number]>) => {
    const storage = Object.assign(fakeStorage(), {
      stats: async () => ({ pairs: 10_000, bytes: 0, limitBytes: 0 })
    })
    return (await openSource({ ring: await installedRing(ring), storage, pace, clock }, ring, ranges))
      .expectedPairs
  }
  t.equal(await expected(ringOf(3), [0, 9999]), 10_000)
  t.equal(await expected(ringOf(3), [0, 999], [2000, 2499]), 1_500)
  t.equal(await expected(half, [0, 99]), Math.round((10_000 * 100) / 9_000), 'it holds all but 1001 to 2000')
  t.equal(await expected(half, [0, 9999]), 10_000, 'no more than it has')
  t.equal(await expected(ringOf(3)), 0)
})

t.test(
  'it gives the slots that are asked for and no others, and tells how long it is to be trusted',
  async t => {
    let chosen = (_slot: number) => false
    const storage = Object.assign(fakeStorage(), {
      trustedUntilMs: 5_000,
      async *scan(slots: (slot: number) => boolean) {
        chosen = slots
      }
    })
    const ports = { ring: await installedRing(ringOf(3)), storage, pace, clock }
    const source = await openSource(ports, ringOf(3), [
      [0, 9],
      [20, 29]
    ])
    t.equal(source.trustedMs, 4_000)
    await endOf(source)
    t.same(
      [0, 9, 10, 19, 20, 29, 30].map(slot => chosen(slot)),
      [true, true, false, false, true, true, false]
    )
    storage.incarnation = 0
    t.equal((await openSource(ports, ringOf(3), [[0, 9]])).trustedMs, 0)
  }
)

t.test('another ring that comes while it gives: some of the pairs may have been purged', async t => {
  const storage = fakeStorage()
  const ring = await installedRing(ringOf(3))
  storage.scan = async function* () {
    yield [PAIR]
    await ring.switchTo(ringOf(4, [NODE, OTHER, '127.0.0.1:5003']))
  }
  const source = await openSource({ ring, storage, pace, clock }, ringOf(3), [[0, 9]])
  await t.rejects(endOf(source), { code: 'KV_ERR_FENCED' })
})
