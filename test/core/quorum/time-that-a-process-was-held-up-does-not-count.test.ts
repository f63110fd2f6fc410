// A deadline is for the others. A process that was held up has not waited for them meanwhile, whether they
// went on or were held up too.

import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { createAwakeClock, pause, startDeadline, withDeadline } from '../../../src/core/quorum/deadline.ts'
import { DEADLINE_STEP_MS } from '../../../src/limits.ts'
import { createDrivenTimers } from '../../support/simulation/driven-timers.ts'

const DEADLINE_MS = 10 * DEADLINE_STEP_MS + 7

t.test('who is awake is called when the time is up, and not before', async t => {
  const timers = createDrivenTimers()
  let late = 0
  startDeadline(
    DEADLINE_MS,
    () => {
      late++
    },
    timers
  )
  await timers.pass(DEADLINE_MS - 1)
  t.equal(late, 0)
  await timers.pass(1)
  t.equal(late, 1)
  await timers.pass(DEADLINE_MS)
  t.equal(late, 1)
})

t.test('of the time that this process was held up it counts one step', async t => {
  const timers = createDrivenTimers()
  let late = 0
  startDeadline(
    DEADLINE_MS,
    () => {
      late++
    },
    timers
  )
  await timers.holdUp(100 * DEADLINE_MS)
  await timers.holdUp(100 * DEADLINE_MS)
  await timers.pass(DEADLINE_MS - 2 * DEADLINE_STEP_MS - 1)
  t.equal(late, 0)
  await timers.pass(1)
  t.equal(late, 1)
})

t.test('what has arrived when the time is up is read first', async t => {
  let read = () => {}
  const timers = {
    ...createDrivenTimers(),
    afterReading: (act: () => void) => {
      read = act
    }
  }
  let answer = (_text: string) => {}
  const answered = withDeadline(
    new Promise<string>(resolve => {
      answer = resolve
    }),
    1,
    () => new Error('late'),
    timers
  )
  await timers.pass(1)
  answer('in time')
  await turn()
  read()
  t.equal(await answered, 'in time')
})

t.test('a deadline that is called off is none', async t => {
  const timers = createDrivenTimers()
  let late = 0
  const count = () => {
    late++
  }
  startDeadline(DEADLINE_MS, count, timers)()
  const second = startDeadline(DEADLINE_MS, count, timers)
  await timers.pass(2 * DEADLINE_STEP_MS)
  second()
  await timers.pass(DEADLINE_MS)
  t.equal(late, 0)
})

t.test('a pause ends when its time is over', async t => {
  const timers = createDrivenTimers()
  let isOver = false
  const paused = pause(7, timers).then(() => {
    isOver = true
  })
  await timers.pass(6)
  await turn()
  t.equal(isOver, false)
  await timers.pass(1)
  await paused
  t.equal(isOver, true)
})

t.test('a clock of the time awake leaves out all of it but a step', t => {
  let nowMs = 1e6
  const awakeMs = createAwakeClock(() => nowMs)
  const beganMs = awakeMs()
  for (let i = 0; i < 10; i++) {
    nowMs += DEADLINE_STEP_MS / 2
    awakeMs()
  }
  nowMs += 7
  t.equal(awakeMs() - beganMs, 5 * DEADLINE_STEP_MS + 7)
  nowMs += 100 * DEADLINE_STEP_MS
  t.equal(awakeMs() - beganMs, 6 * DEADLINE_STEP_MS + 7)
  t.end()
})
