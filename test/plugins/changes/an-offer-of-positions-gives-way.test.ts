// To find positions in a large ring is long work. Between two of them a node goes on with everything else.

import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { offer } from '../../../plugins/changes/plan.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

t.test('with every position others have a turn', async t => {
  const ended: string[] = []
  const offered = offer(ringOf(1), '10.9.9.9:5000', 8).then(plan => {
    ended.push('the offer')
    return plan
  })
  for (let turn = 1; turn < 8; turn++) await nextTurn()
  ended.push('seven turns')
  t.equal((await offered).positions.length, 8)
  t.same(ended, ['seven turns', 'the offer'])
})
