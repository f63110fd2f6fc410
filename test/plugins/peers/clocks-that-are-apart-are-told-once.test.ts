// What becomes of measured clocks: a log line when two are apart and when they agree again, and a refusal to
// serve while this one is off.

import { pino } from 'pino'
import t from 'tap'
import { createClocks } from '../../../plugins/peers/clocks.ts'
import { CLOCK_SKEW_MAX_MS } from '../../../src/limits.ts'
import {
  CLOCK_FRESH_MS,
  CLOCK_SKEW_TOLD_MS,
  CLOCK_SKEW_WARN_MS,
  CLOCK_VAGUE_MS
} from '../../../plugins/peers/limits.ts'

function setup(others: string[]) {
  const lines: Array<{ level: number }> = []
  const time = { nowMs: 0 }
  const clocks = createClocks({
    others: () => others,
    nowMs: () => time.nowMs,
    log: pino(
      {},
      {
        write: (line: string) => {
          lines.push(JSON.parse(line))
        }
      }
    )
  })
  const measured = (node: string, aheadMs: number, uncertainMs = 1) =>
    clocks.measured(node, { aheadMs, uncertainMs })
  return { clocks, lines, time, measured, others }
}

t.test('one line when they are apart, one when they agree again', async t => {
  const { lines, measured } = setup(['b:1', 'c:1'])
  for (const aheadMs of [
    0,
    CLOCK_SKEW_WARN_MS,
    CLOCK_SKEW_WARN_MS + 2,
    5_000,
    -5_000,
    CLOCK_SKEW_WARN_MS / 2,
    0,
    0
  ]) {
    measured('b:1', aheadMs)
  }
  t.match(lines, [
    { level: 40, peer: 'b:1', aheadMs: CLOCK_SKEW_WARN_MS + 2 },
    { level: 30, peer: 'b:1' }
  ])
  t.equal(lines.length, 2)
  measured('b:1', CLOCK_SKEW_WARN_MS + 100, 101)
  t.equal(lines.length, 2, 'it may be less')
})

t.test('the worst is told', async t => {
  const { clocks, measured, time } = setup(['b:1', 'c:1'])
  t.equal(clocks.worstMs, undefined)
  measured('b:1', CLOCK_SKEW_TOLD_MS)
  t.equal(clocks.worstMs, undefined)
  measured('b:1', 300.4)
  measured('c:1', -700)
  t.equal(clocks.worstMs, -700)
  measured('c:1', 0)
  t.equal(clocks.worstMs, 300)
  time.nowMs += CLOCK_FRESH_MS
  t.equal(clocks.worstMs, undefined, 'what was measured long ago is not')
})

t.test('a measurement that took long, or of a node that is none of the ring, counts for nothing', async t => {
  const { clocks, lines, measured, others } = setup(['b:1', 'c:1'])
  measured('b:1', 90_000, CLOCK_VAGUE_MS + 1)
  measured('d:1', 90_000)
  t.equal(clocks.worstMs, undefined)
  measured('b:1', 90_000)
  others.shift()
  t.equal(clocks.worstMs, undefined, 'it has left')
  t.equal(lines.length, 1)
})

t.test('this node is off while most others agree that it is', async t => {
  const { clocks, lines, measured, time } = setup(['b:1', 'c:1'])
  const FAR = CLOCK_SKEW_MAX_MS + 1_500
  measured('b:1', -FAR)
  t.doesNotThrow(() => clocks.check(), 'one of two others is no majority')
  measured('c:1', -FAR)
  t.throws(() => clocks.check(), { code: 'KV_ERR_CLOCK', message: /61\.5 s ahead of.*60 s.*NTP/ })
  measured('c:1', -FAR)
  measured('c:1', 0)
  t.doesNotThrow(() => clocks.check())
  t.match(
    lines.filter(({ level }) => level !== 40),
    [{ level: 50, aheadMs: FAR }, { level: 30 }, { level: 30 }]
  )
  measured('b:1', FAR)
  measured('c:1', FAR)
  t.throws(() => clocks.check(), { message: /61\.5 s behind/ })
  time.nowMs += CLOCK_FRESH_MS
  t.doesNotThrow(() => clocks.check(), 'nobody has said so of late')
})
