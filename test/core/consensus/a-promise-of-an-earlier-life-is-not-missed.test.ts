// A promise that a voter gave before it lost its votes still counts for the proposer that has it. A decision
// that rests on the same voter in its new life must not be one that this proposer can miss.

import t from 'tap'
import { createTable, settled } from '../../support/simulation/vote-table.ts'

t.test('a decision does not rest on a voter whose earlier promises are forgotten', async t => {
  const { propose, decided, forget } = createTable(['f:1', 'g:1', 'h:1'])
  const low = propose(2, 0.1)
  const high = propose(5, 0.9)
  await settled()
  for (const node of ['f:1', 'g:1', 'h:1']) {
    const lost = high.reach(node)
    lost.answer = { kind: 'silent' }
    await high.hear(lost)
  }
  await high.deliver('f:1')
  forget('f:1', 77)
  await low.deliver('f:1', 'g:1', 'h:1')
  await low.deliver('f:1', 'g:1', 'h:1')
  await low.deliver('f:1', 'g:1')
  await high.deliver('h:1')
  await high.deliver('f:1', 'h:1')
  await high.serve('f:1', 'h:1')
  await low.serve('f:1', 'g:1', 'h:1')
  t.equal(new Set(decided).size, 1, JSON.stringify(decided))
})
