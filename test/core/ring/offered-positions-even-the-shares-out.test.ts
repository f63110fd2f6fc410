// Clusters that grow by the positions which are offered share the slots out more evenly than by chance, with
// one replica and with three, with one token a node and with several; and no position is offered twice.

import t from 'tap'
import { preferenceList } from '../../../src/core/ring/placement.ts'
import { type Token } from '../../../src/core/ring/ring.ts'
import { evenPositions, sharesOf } from '../../../src/core/ring/shares.ts'
import { SLOTS } from '../../../src/limits.ts'

const withTokens = (tokens: readonly Token[], node: string, positions: readonly number[]): Token[] =>
  [...tokens, ...positions.map(position => ({ position, node }))].sort((a, b) => a.position - b.position)

function grow(nodes: number, tokensEach: number, replicas: number): Token[] {
  let tokens: Token[] = []
  for (let i = 0; i < nodes; i++) {
    tokens = withTokens(tokens, `n${i}`, [...evenPositions(tokens, replicas, `n${i}`, tokensEach)])
  }
  return tokens
}

function fullestOverMean(tokens: readonly Token[], replicas: number): number {
  const shares = [...sharesOf(tokens, replicas).values()]
  return (Math.max(...shares) * shares.length) / shares.reduce((sum, share) => sum + share, 0)
}

t.test('shares are what every slot says', async t => {
  const rings = [
    grow(1, 1, 1),
    grow(5, 3, 2),
    [
      { position: 0, node: 'a' },
      { position: 1, node: 'b' },
      { position: 5000, node: 'a' }
    ]
  ]
  for (const tokens of rings) {
    for (const replicas of [1, 2, 3]) {
      const counted = new Map<string, number>()
      for (let slot = 0; slot < SLOTS; slot++) {
        for (const node of preferenceList(tokens, replicas, slot)) {
          counted.set(node, (counted.get(node) ?? 0) + 1)
        }
      }
      t.same(sharesOf(tokens, replicas), counted)
    }
  }
})

for (const [nodes, tokensEach, replicas, atMost] of [
  [10, 1, 1, 1.5],
  [10, 16, 1, 1.1],
  [4, 1, 3, 1.2],
  [10, 1, 3, 1.3],
  [10, 16, 3, 1.3],
  [40, 4, 3, 1.3]
] as const) {
  t.test(`${nodes} nodes, ${tokensEach} tokens each, ${replicas} replicas`, async t => {
    const tokens = grow(nodes, tokensEach, replicas)
    t.equal(new Set(tokens.map(({ position }) => position)).size, nodes * tokensEach, 'each position once')
    t.ok(tokens.every(({ position }) => Number.isInteger(position) && position >= 0 && position < SLOTS))
    const fullest = fullestOverMean(tokens, replicas)
    t.ok(fullest <= atMost, `the fullest has ${fullest} of the mean`)
  })
}

t.test('what is choice is told: the reckoned change of the shares is the real one', async t => {
  // One token of a third node, with one replica: the best that a single token can do is to take half of the
  // larger share.
  const tokens = withTokens(withTokens([], 'a', [1_999]), 'b', [9_999])
  const [position = -1] = evenPositions(tokens, 1, 'c', 1)
  t.equal(preferenceList(tokens, 1, position)[0], 'b')
  t.ok(fullestOverMean(withTokens(tokens, 'c', [position]), 1) < 1.5)
})

t.test('many tokens halve the widest arcs, one after the other', async t => {
  const tokens = [999, 4_999, 7_899].map((position, i) => ({ position, node: `n${i}` }))
  t.same(
    [...evenPositions(tokens, 1, 'x', 40)].slice(0, 3),
    [2_999, 9_449, 6_449],
    'of 4,000 slots, of 3,100 on the way round, and of 2,900'
  )
})

t.test('up to 32 tokens of a node are chosen by the shares, and more of them by the widths', async t => {
  const tokens = withTokens(withTokens([], 'a', [5_999]), 'b', [9_999])
  const firstOf = (count: number) => [...evenPositions(tokens, 1, 'x', count)][0]
  t.not(firstOf(32), 2_999, 'a thirty-second of what the node is to have is less than half an arc')
  t.equal(firstOf(33), 2_999, 'the middle of the widest')
})

t.test('those that the node has already count among the many', async t => {
  const tokens = withTokens(
    [999, 4_999, 7_899].map((position, i) => ({ position, node: `n${i}` })),
    'x',
    Array.from({ length: 30 }, (_, i) => 9_000 + i)
  )
  t.same([...evenPositions(tokens, 1, 'x', 3)].slice(0, 2), [2_999, 6_449])
})

t.test('a ring of which every slot has a token', async t => {
  const tokens = Array.from({ length: SLOTS }, (_, position) => ({ position, node: `n${position % 2}` }))
  t.same([...evenPositions(tokens, 1, 'x', 3)], [])
  t.same(
    [
      ...evenPositions(
        tokens.filter(({ position }) => position !== 77),
        1,
        'x',
        3
      )
    ],
    [77]
  )
  t.same([...evenPositions([], 3, 'x', 1)], [SLOTS - 1])
})

t.test('for a ring always the same positions, until the choice is changed on purpose', async t => {
  const ringOf = (...positions: number[]) =>
    positions.map((position, i) => ({ position, node: `n${i % 5}` })).sort((a, b) => a.position - b.position)
  const five = [100, 2_100, 3_700, 6_400, 8_800]
  for (const [positions, replicas, node, offered] of [
    [[5_000], 1, 'x', [9_375, 9_727, 57]],
    [[0, 5_000], 1, 'x', [6_563, 1_563]],
    [[1_000, 2_500, 7_000], 1, 'x', [4_469, 8_250]],
    [five, 3, 'x', [3_869, 4_976, 5_065]],
    [[...five, 300, 4_100, 7_200], 3, 'n1', [413, 519]],
    [[10, 20, 30, 40, 50], 1, 'x', [5_652, 6_469, 401]],
    [[10, 20, 30, 40, 50], 3, 'x', [3_163, 4_447, 4_795]],
    [[9_998, 9_999], 3, 'x', [5_623, 5_897]]
  ] as const) {
    t.same([...evenPositions(ringOf(...positions), replicas, node, offered.length)], offered)
  }
})
