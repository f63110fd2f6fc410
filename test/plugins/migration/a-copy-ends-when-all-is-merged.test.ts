// A copy is done when its last pair is stored, not when that has arrived; what could not be stored fails it,
// however late that turns out.

import t from 'tap'
import { createPull } from '../../../plugins/migration/pull.ts'
import { COORDINATOR_ROUNDS } from '../../../src/limits.ts'
import { failed, type Failed } from '../../../src/core/ports.ts'
import { encodeEnd, encodePairs } from '../../../src/core/messages/pair-stream.ts'
import { PULL_IN_FLIGHT } from '../../../src/core/copying/limits.ts'
import { fakeCopying } from './copying-fakes.ts'
import { OTHER, ringOf, settle } from '../../keeper/keeper-fakes.ts'

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

t.test('so many at a time, and the stream waits', async t => {
  const { app, storage } = await fakeCopying(ringOf(1), () => Infinity)
  let sent = 0
  async function* body() {
    for (; sent < 2 * PULL_IN_FLIGHT; sent += 64) {
      yield encodePairs(
        Array.from({ length: 64 }, (_, i) => ({
          slot: 1,
          key: `${sent + i}`,
          record: {
            version: { timeMs: 1, counter: 0, writer: 1 },
            deleted: false,
            expiresAtMs: 0,
            contentType: '',
            value: Buffer.from('x')
          }
        }))
      )
    }
    yield encodeEnd({ pairs: sent, remembers: true })
  }
  app.peers.channel = () =>
    ({ stream: async () => ({ headers: {}, body: body() }) }) as unknown as ReturnType<
      typeof app.peers.channel
    >
  const ends: Array<(failure: Failed | undefined) => void> = []
  storage.mergeAll = () =>
    new Promise(resolve => {
      ends.push(resolve)
    })
  const pull = createPull(app)(OTHER, ringOf(1), RANGES)
  await settle()
  t.equal(ends.length, PULL_IN_FLIGHT / 64)
  ends.shift()?.(undefined)
  await settle()
  t.equal(ends.length, PULL_IN_FLIGHT / 64, 'one more for one that has ended')
  while (ends.length > 0) {
    for (const end of ends.splice(0)) end(undefined)
    await settle()
  }
  t.same(await pull, { pairs: 2 * PULL_IN_FLIGHT, remembers: true })
})
