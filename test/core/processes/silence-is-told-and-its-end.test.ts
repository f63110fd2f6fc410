// The watch over another process: its silence is told once, and when it answers again; one that is silent for
// too long is lost and asked no more, if there is such a limit.

import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { BEAT_MS } from '../../../src/core/processes/limits.ts'
import { watch } from '../../../src/core/processes/watch.ts'
import { createDrivenTimers } from '../../support/simulation/driven-timers.ts'

const SILENT_MS = 2_000
const LOST_MS = 8_000

/** A watched process that answers when the test says so; `told` is what the watch says of it. */
function setup(isLost: boolean) {
  const timers = createDrivenTimers()
  const told: string[] = []
  const asked: Array<PromiseWithResolvers<void>> = []
  let answers = true
  const ended = watch(
    {
      beat() {
        const sign = {} as PromiseWithResolvers<void>
        sign.promise = new Promise((resolve, reject) => Object.assign(sign, { resolve, reject }))
        asked.push(sign)
        if (answers) sign.resolve()
        return sign.promise
      },
      silentMs: SILENT_MS,
      silent: () => told.push('silent'),
      back: () => told.push('back'),
      ...(isLost && { lost: { afterMs: LOST_MS, tell: () => told.push('lost') } })
    },
    timers
  ).then(() => {
    told.push('ended')
  })
  return {
    timers,
    told,
    asked,
    ended,
    stop() {
      answers = false
    },
    async goOn() {
      answers = true
      asked.at(-1)?.resolve()
      await turn()
    }
  }
}

t.test('it is asked again and again', async t => {
  const { timers, told, asked } = setup(true)
  for (let i = 1; i <= 5; i++) {
    t.equal(asked.length, i)
    await timers.pass(BEAT_MS)
  }
  t.same(told, [])
})

for (const isLost of [false, true]) {
  t.test(`silent, and back${isLost ? ' before it is lost' : ', however late'}`, async t => {
    const { timers, told, stop, goOn } = setup(isLost)
    stop()
    await timers.pass(BEAT_MS + SILENT_MS - 1)
    t.same(told, [])
    await timers.pass(1)
    t.same(told, ['silent'])
    await timers.pass(isLost ? LOST_MS - SILENT_MS - 1 : 10 * LOST_MS)
    t.same(told, ['silent'])
    await goOn()
    t.same(told, ['silent', 'back'])
    stop()
    await timers.pass(BEAT_MS + SILENT_MS)
    t.same(told, ['silent', 'back', 'silent'], 'the next silence is told as well')
  })
}

t.test('lost', async t => {
  const { timers, told, asked, stop, goOn, ended } = setup(true)
  stop()
  await timers.pass(BEAT_MS + LOST_MS)
  await ended
  t.same(told, ['silent', 'lost', 'ended'])
  const { length } = asked
  await goOn()
  await timers.pass(10 * BEAT_MS)
  t.equal(asked.length, length)
})

t.test('gone', async t => {
  const { timers, told, asked, stop, ended } = setup(true)
  stop()
  await timers.pass(BEAT_MS)
  asked.at(-1)?.reject(new Error('the other process is gone'))
  await ended
  t.same(told, ['ended'])
})
