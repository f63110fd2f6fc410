// What a node may have forgotten, as the ring before and the newer one tell it: whether the others have to be
// asked, whether it holds nothing that it acknowledged, and whether it has missed nothing.

import t from 'tap'
import { asksIfNew, hasNothing, missedNothing } from '../../src/keeper/forgetting.ts'
import { NODE, OTHER, ringOf } from './keeper-fakes.ts'

const member = ringOf(1)
const others = ringOf(1, [OTHER])

t.test('the others are asked where the operator makes the node a member', async t => {
  const asks = (before: typeof member | undefined, newer: typeof member, seeded: boolean) =>
    asksIfNew(NODE, before, newer, seeded)
  t.equal(asks(undefined, member, true), true)
  t.equal(asks(undefined, member, false), true, 'a member that has no ring yet')
  t.equal(asks(others, member, true), true)
  t.equal(asks(others, member, false), false, 'one that joins has nothing')
  t.equal(asks(member, member, true), false, 'it was one already')
  for (const seeded of [true, false]) t.equal(asks(undefined, others, seeded), false, 'it is none')
})

t.test('a node holds nothing of before until it has been a member', async t => {
  for (const hadNothing of [true, false]) {
    t.equal(hasNothing(NODE, others, member, hadNothing), true, 'it becomes one')
    t.equal(hasNothing(NODE, member, others, hadNothing), true, 'it is none any more')
    t.equal(hasNothing(NODE, undefined, others, hadNothing), true, 'it is none')
    t.equal(hasNothing(NODE, undefined, member, hadNothing), false, 'nobody knows what was before')
    t.equal(hasNothing(NODE, member, member, hadNothing), hadNothing, 'it goes on as it was')
  }
})

t.test('a node whose writes all needed it has missed none up to the next ring', async t => {
  const three = { ...ringOf(1, [NODE, OTHER, '127.0.0.1:5003']), replicas: 3 }
  const missed = (ring: typeof member, newer: typeof member, seeded = false) =>
    !missedNothing(NODE, ring, newer, seeded)
  t.equal(missed(member, ringOf(2)), false)
  t.equal(missed(member, ringOf(3)), true, 'a ring in between may have gone on without it')
  t.equal(missed(member, ringOf(2, undefined, 8)), true, 'so may another generation')
  t.equal(missed(member, ringOf(1, undefined, 8), true), false, 'unless the operator gave it')
  t.equal(missed(three, { ...three, epoch: 2 }), true, 'two of three are enough for a write')
  t.equal(missed(three, { ...three, epoch: 2 }, true), true)
  t.equal(missed(others, ringOf(2)), true, 'it was no member')
})
