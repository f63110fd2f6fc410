// A receiver counts what comes and tells it now and then, at once when it begins and when it ends, and says
// what it waits for as long as it is not done.

import t from 'tap'
import { createCopying } from '../../../plugins/migration/index.ts'
import { createMeter } from '../../../plugins/migration/meter.ts'
import { PROGRESS_MS } from '../../../src/core/copying/limits.ts'
import { type Progress } from '../../../src/core/copying/progress.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { CATALOGUE } from '../../../src/errors.ts'
import { fakeCopying } from './copying-fakes.ts'
import { NODE, pass, ringOf } from '../../keeper/keeper-fakes.ts'

function setup(since?: number) {
  const told: Progress[] = []
  let every = { ms: 0, tick: () => {}, isOver: false }
  const ring = { ...ringOf(5), ...(since !== undefined && { since }) }
  const meter = createMeter(ring, progress => told.push(progress), {
    after: () => () => {},
    afterReading() {},
    every(ms, tick) {
      every = { ms, tick, isOver: false }
      return () => {
        every.isOver = true
      }
    }
  })
  return { meter, told, every }
}

t.test('what has come, of how much', async t => {
  const { meter, told, every } = setup(4)
  t.equal(every.ms, PROGRESS_MS)
  const none = { generation: 7, since: 4, keys: 0, bytes: 0, expectedKeys: 0, done: false }
  t.match(told, [none])
  t.notOk('waitsFor' in (told[0] as Progress))
  meter.expect?.(10)
  meter.expect?.(5)
  meter.count?.(2, 100)
  meter.count?.(1, 50)
  every.tick()
  t.match(told[1], { ...none, keys: 3, bytes: 150, expectedKeys: 15 })
  t.match(meter.counted(), { keys: 3, bytes: 150 })
  t.equal(told.length, 2)
  meter.end(true)
  t.match(told[2], { keys: 3, bytes: 150, done: true })
  meter.stop()
  t.equal(every.isOver, true)
})

t.test('for how long it has been at it', async t => {
  const beganMs = performance.now()
  const { told, every } = setup()
  t.equal(told[0]?.since, 0, 'a ring of before there was a begin')
  pass(5)
  every.tick()
  const { elapsedMs } = told[1] as Progress
  t.ok(elapsedMs >= 4 && elapsedMs <= Math.ceil(performance.now() - beganMs), `${elapsedMs} ms`)
  t.equal(elapsedMs, Math.round(elapsedMs))
})

t.test('what it waits for, until it is done', async t => {
  const { meter, told } = setup()
  meter.waitFor('a source')
  meter.end(false)
  t.match(told[1], { done: false, waitsFor: 'a source' })
  meter.end(true)
  t.notOk('waitsFor' in (told[2] as Progress))
})

t.test('one that has forgotten waits for that first', async t => {
  const { app, storage } = await fakeCopying(ringOf(5), () => Infinity)
  const told: Progress[] = []
  const ringConsensus = { change: async (next: (present: Ring) => Ring) => next(ringOf(5)) }
  const copying = createCopying(Object.assign(app, { ringConsensus }), {
    async report(progress) {
      told.push(progress)
    }
  })
  storage.incarnation = 0
  t.equal(await copying.receive({ ...ringOf(5), pending: [NODE], since: 4 }), false)
  t.match(told.at(-1), { since: 4, done: false, waitsFor: CATALOGUE.KV_ERR_RECOVERING.text })
  storage.incarnation = 1
  const { change } = ringConsensus
  ringConsensus.change = async () => {
    throw new Error('too few members agree')
  }
  await t.rejects(copying.receive(ringOf(5)), /too few/)
  t.match(told.at(-1), { done: false, waitsFor: 'too few members agree' })
  ringConsensus.change = change
  told.length = 0
  t.equal(await copying.receive(ringOf(5)), true)
  t.same(
    told.map(({ done, waitsFor }) => [done, waitsFor]),
    [
      [false, undefined],
      [true, undefined]
    ]
  )
})
