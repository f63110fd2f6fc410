// Which rings a node takes over: newer ones of its own cluster. A node that was seeded into another cluster
// must not drag this one along, and a node of no cluster goes with whoever asks.

import t from 'tap'
import { adopts, type Ring } from '../../../src/core/ring/ring.ts'

const ring = (generation: number, epoch: number, node: string, fields: Partial<Ring> = {}): Ring => ({
  generation,
  epoch,
  replicas: 1,
  tokens: [{ position: 1, node }],
  ...fields
})

t.test('a table of every case', async t => {
  const me = 'me:1'
  const cases: Array<[string, Ring | undefined, Ring, boolean]> = [
    ['no ring yet, named', undefined, ring(1, 1, me), true],
    ['no ring yet, not named', undefined, ring(1, 1, 'x:1'), true],
    ['the same', ring(5, 5, me), ring(5, 5, me), false],
    ['an older epoch', ring(5, 5, me), ring(5, 4, me), false],
    ['an older generation, a higher epoch', ring(5, 5, me), ring(4, 9, me), false],
    ['a newer epoch that names it', ring(5, 5, me), ring(5, 6, me), true],
    ['a newer epoch in which it has left', ring(5, 5, me), ring(5, 6, 'x:1'), true],
    ['a newer generation that names it', ring(5, 5, me), ring(6, 1, me), true],
    [
      'a newer generation in which it is to come',
      ring(5, 5, me),
      ring(6, 1, 'x:1', { next: [{ position: 2, node: me }], pending: [me] }),
      true
    ],
    ['a newer generation that does not name it, a member', ring(5, 5, me), ring(6, 1, 'x:1'), false],
    [
      'the same, a member to be',
      ring(5, 5, 'x:1', { next: [{ position: 2, node: me }], pending: [me] }),
      ring(6, 1, 'x:1'),
      false
    ],
    [
      'a newer generation that does not name it, a member of nothing',
      ring(5, 5, 'y:1'),
      ring(6, 1, 'x:1'),
      true
    ]
  ]
  for (const [what, present, offered, expected] of cases) {
    t.equal(adopts(me, present, offered), expected, what)
  }
})
