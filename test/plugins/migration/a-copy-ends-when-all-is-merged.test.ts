// A copy is done when its last pair is stored, not when that has arrived; what could not be stored fails it,
// however late that turns out.

import t from 'tap'
import { type CopyingPorts } from '../../../plugins/migration/index.ts'
import { createPull } from '../../../plugins/migration/pull.ts'
import { COORDINATOR_ROUNDS } from '../../../src/limits.ts'
import { failed, type Failed } from '../../../src/core/ports.ts'
import { encodeEnd, encodePairs } from '../../../src/core/messages/pair-stream.ts'
import { PULL_BYTES_IN_FLIGHT, PULL_IN_FLIGHT } from '../../../src/core/copying/limits.ts'
import { fakeCopying } from './copying-fakes.ts'
import { OTHER, pass, ringOf, settle } from '../../keeper/keeper-fakes.ts'

const RANGES = [[0, 9999]] as const

t.test('it waits for the last merge', async t => {
  const { app, storage } = await fakeCopying(ringOf(1), () => Infinity)
  const ends: Array<(failure: Failed | undefined) => void> = []
  storage.mergeAll = () =>
    new Promise(resolve => {
      ends.push(resolve)
    })
  for (const [failure, result] of [
    [undefined, { pairs: 1, remembers: true }],
    [failed('timeout'), undefined]
  ] as const) {
    let isDone = false
    const pull = createPull(app)(OTHER, ringOf(1), RANGES).finally(() => {
      isDone = true
    })
    await settle()
    t.equal(isDone, false)
    for (const end of ends.splice(0)) end(failure)
    t.same(await pull, result)
  }
})

t.test('a merge that throws fails it', async t => {
  const { app, storage } = await fakeCopying(ringOf(1), () => Infinity)
  storage.mergeAll = async () => {
    throw new Error('a defect')
  }
  const waits: string[] = []
  t.equal(
    await createPull(app, { meter: { waitFor: why => waits.push(why) } })(OTHER, ringOf(1), RANGES),
    undefined
  )
  t.same(waits, [`${OTHER}: a defect`])
})

t.test('it tells of a source that does not remember, and of no other', async t => {
  for (const [trustedMs, told] of [
    [Infinity, []],
    [0, [`${OTHER} has lost its memory and is fetching it`]]
  ] as const) {
    const { app } = await fakeCopying(ringOf(1), () => trustedMs)
    const waits: string[] = []
    const meter = { waitFor: (why: string) => waits.push(why) }
    t.same(await createPull(app, { meter })(OTHER, ringOf(1), RANGES), { pairs: 1, remembers: trustedMs > 0 })
    t.same(waits, told)
  }
})

t.test('under another ring nothing is merged', async t => {
  const { app, storage } = await fakeCopying(ringOf(2), () => Infinity)
  let merges = 0
  storage.mergeAll = async () => {
    merges++
    return undefined
  }
  const moved = ringOf(2, [OTHER])
  t.equal(await createPull(app)(OTHER, moved, RANGES), undefined)
  t.equal(merges, 0)
  t.match(await createPull(app)(OTHER, ringOf(1), RANGES), { pairs: 1 }, 'a renewed one is no other')
})

t.test('rings that keep coming end it', async t => {
  const { app } = await fakeCopying(ringOf(1), () => Infinity)
  let tries = 0
  app.ring.within = async () => {
    tries++
    return undefined
  }
  t.equal(await createPull(app)(OTHER, ringOf(1), RANGES), undefined)
  t.equal(tries, 2 * COORDINATOR_ROUNDS, 'with the pair, and with nothing at the end of the stream')
})

/** The other node gives so many pieces of so many pairs, each with so long a value, and then its end. */
function give(app: CopyingPorts, pieces: number, pairs: number, valueBytes: number, pieceMs = 0): void {
  async function* body() {
    for (let piece = 0; piece < pieces; piece++) {
      pass(pieceMs)
      yield encodePairs(
        Array.from({ length: pairs }, (_, i) => ({
          slot: 1,
          key: `${piece} ${i}`,
          record: {
            version: { timeMs: 1, counter: 0, writer: 1 },
            deleted: false,
            expiresAtMs: 0,
            contentType: '',
            value: Buffer.alloc(valueBytes)
          }
        }))
      )
    }
    yield encodeEnd({ pairs: pieces * pairs, remembers: true })
  }
  app.peers.channel = () =>
    ({ stream: async () => ({ headers: {}, body: body() }) }) as unknown as ReturnType<
      typeof app.peers.channel
    >
}

for (const [what, most, pairs, valueBytes] of [
  ['pairs', PULL_IN_FLIGHT / 64, 64, 1],
  ['bytes', Math.ceil(PULL_BYTES_IN_FLIGHT / 1_000_000), 1, 1_000_000]
] as const) {
  t.test(`so many ${what} at a time, and the stream waits`, async t => {
    const { app, storage } = await fakeCopying(ringOf(1), () => Infinity)
    give(app, 2 * most, pairs, valueBytes)
    const ends: Array<(failure: Failed | undefined) => void> = []
    storage.mergeAll = () =>
      new Promise(resolve => {
        ends.push(resolve)
      })
    const pull = createPull(app)(OTHER, ringOf(1), RANGES)
    await settle()
    t.equal(ends.length, most)
    ends.shift()?.(undefined)
    await settle()
    t.equal(ends.length, most, 'one more for one that has ended')
    while (ends.length > 0) {
      for (const end of ends.splice(0)) end(undefined)
      await settle()
    }
    t.same(await pull, { pairs: 2 * most * pairs, remembers: true })
  })
}

t.test('the pace is told of each piece what it was and how long it took, and has it rest', async t => {
  const { app } = await fakeCopying(ringOf(1), () => Infinity)
  give(app, 3, 1, 100, 5)
  const beganMs = performance.now()
  const told: number[][] = []
  app.pace.restMs = (workMs, bytes) => {
    told.push([workMs, bytes])
    return 20
  }
  await createPull(app)(OTHER, ringOf(1), RANGES)
  const sinceMs = performance.now() - beganMs
  t.same(
    told.map(([, bytes = 0]) => bytes > 100),
    [true, true, true, false],
    'three pairs, and the end'
  )
  t.ok(told.slice(0, 3).every(([workMs = 0]) => workMs >= 4))
  const sumMs = told.reduce((sum, [workMs = 0]) => sum + workMs, 0)
  t.ok(sumMs + 4 * 19 <= sinceMs, `${sumMs} of ${sinceMs} ms`)
})
