// Whose clock is off is for the majority to say: a node judges itself alone, and only where most nodes agree
// on another time than its own.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { offBy, skewOf } from '../../../src/core/quorum/skew.ts'
import { CLOCK_SKEW_MAX_MS as MAX } from '../../../src/limits.ts'

/** What each of the nodes finds of itself, given all clocks and which of them it cannot ask. */
const judge = (clocks: readonly number[], unknown: readonly number[] = []) =>
  clocks.map((mine, i) =>
    offBy(
      clocks.flatMap((clock, j) => (j === i || unknown.includes(j) ? [] : [clock - mine])),
      clocks.length
    )
  )

t.test('the middle of the way there and back, give or take half of it', async t => {
  t.same(skewOf(5_000, 1_000, 200), { aheadMs: 4_100, uncertainMs: 100 })
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.nat(1_000), fc.nat(1_000), (skew, there, back) => {
      const { aheadMs, uncertainMs } = skewOf(1e10 + there + skew, 1e10 + there + back, there + back)
      assert.ok(Math.abs(aheadMs - skew) <= uncertainMs + 1e-6)
    })
  )
})

t.test('the odd one of three, and nobody else', async t => {
  t.same(judge([0, 0, MAX + 1]), [undefined, undefined, MAX + 1])
  t.same(judge([0, 0, -MAX - 1]), [undefined, undefined, -MAX - 1])
  t.same(judge([0, 0, MAX]), [undefined, undefined, undefined], 'up to the bound')
  t.same(judge([0, 2 * MAX, 3 * MAX]), [-2 * MAX, undefined, undefined], 'the others agree just so')
  t.same(judge([0, 50, MAX + 40]), [undefined, undefined, undefined], 'none is off from the middle one')
})

t.test('where no majority agrees nobody can tell', async t => {
  t.same(judge([0]), [undefined])
  t.same(judge([0, 9 * MAX]), [undefined, undefined])
  t.same(judge([0, 0, 9 * MAX, 9 * MAX]), [undefined, undefined, undefined, undefined])
  t.same(judge([0, 2 * MAX, 4 * MAX]), [undefined, undefined, undefined], 'each has its own time')
  t.same(
    judge([0, 0, 9 * MAX], [0]),
    [undefined, undefined, undefined],
    'one of those who would agree is away'
  )
})

t.test('two of five, and only them', async t => {
  t.same(judge([0, 0, 0, 2 * MAX, -2 * MAX]), [undefined, undefined, undefined, 2 * MAX, -2 * MAX])
})

t.test('those that are off are a minority, whatever the clocks', async () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 9 }), units => {
      const off = judge(units.map(unit => unit * MAX * 0.75)).filter(it => it !== undefined)
      assert.ok(off.length < units.length / 2)
    })
  )
})
