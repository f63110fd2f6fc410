// A clock's versions are newer than all that it gave out or observed, however the wall clock jumps, and never
// behind it.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { compareVersions, createClock, formatVersion, type Version } from '../../../src/core/pairs/version.ts'
import { versions } from '../../support/checker/arbitraries.ts'

const steps = fc.array(
  fc.oneof(
    fc.constant('next' as const),
    fc.integer({ min: 1, max: 50 }).map(wallMs => ({ wallMs })),
    versions,
    fc.record({
      timeMs: fc.integer({ min: 1, max: 50 }),
      counter: fc.integer({ min: 0xfffc, max: 0xffff }),
      writer: fc.nat(9)
    })
  ),
  { maxLength: 40 }
)

t.test('whatever happens', async () => {
  fc.assert(
    fc.property(steps, steps => {
      let wallMs = 10
      let newest: Version | undefined
      const clock = createClock(() => wallMs, 5)
      for (const step of steps) {
        if (step === 'next') {
          const version = clock.next()
          assert.ok(newest === undefined || compareVersions(version, newest) > 0)
          assert.ok(version.timeMs >= wallMs && version.counter <= 0xffff && version.writer === 5)
          newest = version
        } else if ('wallMs' in step) {
          wallMs = step.wallMs
        } else {
          clock.observe(step)
          if (newest === undefined || compareVersions(step, newest) > 0) newest = step
        }
      }
    }),
    { numRuns: 1_000 }
  )
})

t.test('within one millisecond the counter counts, and flows over into the next', async t => {
  let wallMs = 100
  const clock = createClock(() => wallMs, 7)
  t.equal(clock.wallMs(), 100)
  t.same(
    [clock.next(), clock.next()],
    [
      { timeMs: 100, counter: 0, writer: 7 },
      { timeMs: 100, counter: 1, writer: 7 }
    ]
  )
  clock.observe({ timeMs: 100, counter: 0xfffe, writer: 1 })
  t.same(
    [clock.next(), clock.next()],
    [
      { timeMs: 100, counter: 0xffff, writer: 7 },
      { timeMs: 101, counter: 0, writer: 7 }
    ]
  )
  wallMs = 50
  t.same(clock.next(), { timeMs: 101, counter: 1, writer: 7 }, 'the wall clock went back')
  clock.observe({ timeMs: 90, counter: 9, writer: 1 })
  clock.observe({ timeMs: 101, counter: 0, writer: 1 })
  t.same(clock.next(), { timeMs: 101, counter: 2, writer: 7 }, 'what is older changes nothing')
  wallMs = 102
  t.same(clock.next(), { timeMs: 102, counter: 0, writer: 7 })
})

t.test('it gives out a hundred thousand versions at once, all different', async t => {
  const clock = createClock(() => 1, 1)
  let previous = ''
  for (let i = 0; i < 100_000; i++) {
    const text = formatVersion(clock.next())
    if (text <= previous) t.fail(`${text} after ${previous}`)
    previous = text
  }
})
