// The slot is what Python's `int(md5(key).hexdigest(), 16) % 10000` gives, for every key.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { texts } from '../../support/checker/arbitraries.ts'

t.test('as exact arithmetic has it', async () => {
  fc.assert(
    fc.property(texts(200), key => {
      const digest = createHash('md5').update(key, 'utf8').digest('hex')
      return slotOf(key) === Number(BigInt(`0x${digest}`) % 10_000n)
    }),
    { numRuns: 2_000 }
  )
})

t.test('at known points', async t => {
  const points = {
    roof: 2184,
    bed: 4019,
    bathtub: 4324,
    bee: 4603,
    gate: 6051,
    finger: 6823,
    gas: 6952,
    saddle: 8016,
    mist: 8155,
    flower: 8700,
    shoes: 9235,
    ship: 9381
  }
  t.same(Object.fromEntries(Object.keys(points).map(key => [key, slotOf(key)])), points)
})
