// The interleavings in which a ring could be decided anew after one of its voters has lost its votes, message
// by message: a late accept request of an earlier life, a first promise beside older ones, a majority without
// anybody who remembers.

import t from 'tap'
import { createTable, settled } from '../../support/simulation/vote-table.ts'

t.test('an accept request of an earlier life is void', async t => {
  const { propose, decided, forget } = createTable(['f:1', 'g:1', 'h:1'])
  const low = propose(2, 0.1)
  const high = propose(5, 0.9)
  await settled()
  await low.deliver('f:1', 'h:1')
  await low.deliver('h:1')
  await high.deliver('f:1', 'g:1')
  await high.deliver('f:1', 'g:1')
  t.same(decided, [5])
  forget('f:1', 77)
  await low.deliver('f:1')
  await low.serve()
  await high.end
  t.same(decided, [5], 'the other two do not make up a majority with what it forgot')
})

t.test('a first promise after a loss does not count beside those from before', async t => {
  const { propose, decided, forget } = createTable(['f:1', 'g:1', 'h:1'])
  const low = propose(2, 0.1)
  const high = propose(5, 0.9)
  await settled()
  await low.deliver('g:1')
  const late = low.reach('h:1')
  await high.deliver('f:1', 'g:1')
  await high.deliver('f:1', 'g:1')
  t.same(decided, [5])
  forget('f:1', 77)
  await low.deliver('f:1')
  await low.hear(late)
  await low.serve('f:1', 'h:1', 'g:1')
  await high.end
  t.notOk(decided.includes(2))
})

t.test('one that forgot and one that was not asked do not decide', async t => {
  const { propose, decided, forget } = createTable(['f:1', 'g:1', 'h:1'])
  const first = propose(5, 0.5)
  await settled()
  await first.deliver('f:1', 'g:1')
  await first.deliver('f:1', 'g:1')
  forget('f:1', 77)
  const second = propose(2, 0.6)
  await settled()
  await second.serve('f:1', 'h:1')
  t.same(decided, [5])
  const third = propose(3, 0.7)
  await settled()
  await third.serve('f:1', 'g:1', 'h:1')
  t.same(decided, [5, 5], 'with the one that remembers it is the ring of before')
})

t.test('of five voters one forgot, one is dead: of the others all are needed', async t => {
  const { propose, decided, forget } = createTable(['f:1', 'g:1', 'h:1', 'x:1', 'e:1'])
  const first = propose(5, 0.5)
  await settled()
  await first.deliver('f:1', 'x:1', 'e:1')
  await first.deliver('f:1', 'x:1', 'e:1')
  t.same(decided, [5])
  forget('f:1', 77)
  const without = propose(2, 0.6, ['e:1'])
  await settled()
  await without.serve('f:1', 'g:1', 'h:1')
  t.same(decided, [5], 'x could tell of the decision')
})
