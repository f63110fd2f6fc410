// The pace of copying: full speed while nobody else asks, less and less while clients' requests take longer
// than they usually do, more again when they do not.

import t from 'tap'
import { createPace } from '../../../src/core/copying/pace.ts'
import {
  PACE_REST_MS,
  PACE_SAMPLES_MAX,
  PACE_SAMPLES_MIN,
  PACE_SHARE_MIN,
  PACE_WINDOW_MS
} from '../../../src/core/copying/limits.ts'

const COPY_BYTES_PER_S = 100_000_000

/**
 * A pace in virtual time. `windows` lets so many of them pass, each with requests of the given length, beside
 * copying or not.
 */
function setup() {
  let nowMs = 0
  const pace = createPace(() => nowMs, COPY_BYTES_PER_S)
  const windows = (count: number, requests: number, tookMs: number, copying: boolean) => {
    for (let window = 0; window < count; window++) {
      for (let i = 0; i < requests; i++) pace.observe(tookMs)
      if (copying) pace.restMs(1, 0)
      nowMs += PACE_WINDOW_MS
      pace.observe(tookMs)
    }
  }
  return { pace, windows }
}

t.test('without clients it takes all of the time', async t => {
  const { pace, windows } = setup()
  windows(20, 0, 1, true)
  t.equal(pace.share, 1)
  t.equal(pace.restMs(50, 0), 0)
})

t.test('clients that wait longer than usual halve it, down to a floor', async t => {
  const { pace, windows } = setup()
  windows(20, 50, 2, false)
  windows(2, 50, 2, true)
  const before = pace.share
  windows(1, 50, 20, true)
  t.ok(pace.share <= before / 2 + 0.11, `${before} became ${pace.share}`)
  windows(10, 50, 20, true)
  t.equal(pace.share, PACE_SHARE_MIN)
  t.ok(pace.restMs(5, 0) > 90)
  t.equal(pace.restMs(1000, 0), PACE_REST_MS, 'a rest is bounded')
})

t.test('it grows again when clients are served as usual', async t => {
  const { pace, windows } = setup()
  windows(20, 50, 2, false)
  windows(10, 50, 20, true)
  windows(30, 50, 2, true)
  t.equal(pace.share, 1)
})

t.test('what is slow without copying is usual', async t => {
  const { pace, windows } = setup()
  windows(50, 50, 20, false)
  windows(10, 50, 20, true)
  t.equal(pace.share, 1)
})

t.test('a few slow requests of a hundred do not count, and too few tell nothing', async t => {
  const { pace, windows } = setup()
  windows(20, 50, 2, false)
  windows(20, 3, 500, true)
  t.equal(pace.share, 1)
})

t.test('a busy window keeps a bounded number of requests', async t => {
  const { pace, windows } = setup()
  windows(2, 10 * PACE_SAMPLES_MAX, 2, true)
  t.ok(pace.share > 0.5)
})

t.test('bytes have a rate of their own', async t => {
  const { pace, windows } = setup()
  windows(20, 0, 1, true)
  t.equal(Math.round(pace.restMs(100, COPY_BYTES_PER_S)), 900)
  t.equal(pace.restMs(2000, COPY_BYTES_PER_S), 0)
})

t.test('ten requests of a window tell something', async t => {
  for (const [requests, isTold] of [
    [PACE_SAMPLES_MIN - 1, false],
    [PACE_SAMPLES_MIN, true]
  ] as const) {
    let nowMs = 0
    const pace = createPace(() => nowMs, COPY_BYTES_PER_S)
    for (const tookMs of [2, 20]) {
      for (let i = 0; i < requests; i++) pace.observe(tookMs)
      const before = pace.share
      if (tookMs === 20) pace.restMs(1, 0)
      nowMs += PACE_WINDOW_MS
      pace.restMs(1, 0)
      if (tookMs === 20) t.equal(pace.share < before, isTold)
    }
  }
})

t.test('it grows without any request of clients', async t => {
  let nowMs = 0
  const pace = createPace(() => nowMs, COPY_BYTES_PER_S)
  for (let i = 0; i < 20; i++) {
    pace.restMs(1, 0)
    nowMs += PACE_WINDOW_MS
  }
  t.equal(pace.share, 1)
})

t.test('requests may take half as long again, and a millisecond, before they count as slow', async t => {
  for (const [tookMs, isSlow] of [
    [4, false],
    [4.1, true]
  ] as const) {
    let nowMs = 0
    const pace = createPace(() => nowMs, COPY_BYTES_PER_S)
    const window = (requestMs: number) => {
      for (let i = 0; i < PACE_SAMPLES_MIN; i++) pace.observe(requestMs)
      nowMs += PACE_WINDOW_MS
      pace.restMs(1, 0)
    }
    window(2)
    const before = pace.share
    window(tookMs)
    t.equal(pace.share < before, isSlow, `${tookMs} ms`)
  }
})

t.test('what is usual may change while nothing is copied, and hardly does while something is', async t => {
  const { pace, windows } = setup()
  windows(20, 50, 2, false)
  windows(3, 50, 20, true)
  t.ok(pace.share < 0.5, 'it was not usual')
  windows(30, 50, 20, false)
  windows(10, 50, 20, true)
  t.equal(pace.share, 1, 'it is by now')
})

t.test('one slow request of two hundred does not count, whenever it comes', async t => {
  for (const slow of [0, 2, 100, 197, 199]) {
    let nowMs = 0
    const pace = createPace(() => nowMs, COPY_BYTES_PER_S)
    for (let window = 0; window < 20; window++) {
      for (let i = 0; i < 200; i++) pace.observe(window > 0 && i === slow ? 500 : 2)
      pace.restMs(1, 0)
      nowMs += PACE_WINDOW_MS
    }
    t.equal(pace.share, 1, `the one at ${slow}`)
  }
})
