// The replicas of a slot are the first distinct nodes met clockwise from it, wrapping round; the first of
// them owns it.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createPlacement, preferenceList, tokenIndex, withQuorums } from '../../../src/core/ring/placement.ts'
import { type Token } from '../../../src/core/ring/ring.ts'
import { nodes, slots, stableRings, tokenLists } from '../../support/checker/arbitraries.ts'

/** Walks the ring slot by slot. */
function naiveList(tokens: readonly Token[], replicas: number, slot: number): string[] {
  const at = new Map(tokens.map(({ position, node }) => [position, node]))
  const met = new Set<string>()
  for (let step = 0; step < 10_000 && met.size < replicas; step++) {
    const node = at.get((slot + step) % 10_000)
    if (node !== undefined) met.add(node)
  }
  return [...met]
}

t.test('as a walk from slot to slot finds them', async () => {
  fc.assert(
    fc.property(tokenLists(), fc.integer({ min: 1, max: 8 }), slots, (tokens, replicas, slot) => {
      assert.deepEqual(preferenceList(tokens, replicas, slot), naiveList(tokens, replicas, slot))
      assert.equal(tokens[tokenIndex(tokens, slot)]?.node, naiveList(tokens, 1, slot)[0])
    }),
    { numRuns: 100 }
  )
})

t.test('at and around every token, and round the end', async t => {
  const tokens = [
    { position: 10, node: 'a:1' },
    { position: 20, node: 'b:1' },
    { position: 30, node: 'a:1' }
  ]
  const owners = (position: number) => preferenceList(tokens, 1, position)[0]
  t.same([0, 10, 11, 20, 21, 30, 31, 9_999].map(owners), [
    'a:1',
    'a:1',
    'b:1',
    'b:1',
    'a:1',
    'a:1',
    'a:1',
    'a:1'
  ])
  t.same(preferenceList(tokens, 2, 25), ['a:1', 'b:1'], 'the same node is not met twice')
  t.same(preferenceList(tokens, 3, 25), ['a:1', 'b:1'], 'no more replicas than nodes')
})

t.test('a stable ring has one set, of majorities', async () => {
  fc.assert(
    fc.property(stableRings, slots, nodes, (ring, slot, node) => {
      const placement = createPlacement(ring)
      const list = naiveList(ring.tokens, ring.replicas, slot)
      const plan = placement.plan(slot)
      const majority = Math.floor(list.length / 2) + 1
      assert.deepEqual(plan, {
        ring,
        nodes: list,
        sets: [{ members: list.map((_, i) => i), read: majority, write: majority }],
        kept: majority
      })
      assert.equal(placement.plan(slot), plan, 'made once')
      assert.equal(placement.owner(slot), list[0])
      assert.equal(placement.replicates(node, slot), list.includes(node))
      assert.equal(placement.ring, ring)
    }),
    { numRuns: 100 }
  )
})

t.test('other quorums are capped by the set', async t => {
  const plan = createPlacement({
    generation: 1,
    epoch: 1,
    replicas: 3,
    tokens: ['a:1', 'b:1', 'c:1'].map((node, position) => ({ position, node }))
  }).plan(0)
  const quorums = (read?: number, write?: number) =>
    withQuorums(plan, read, write).sets.map(({ read, write }) => [read, write])
  t.equal(withQuorums(plan, undefined, undefined), plan)
  t.same(quorums(1), [[1, 2]])
  t.same(quorums(undefined, 3), [[2, 3]])
  t.same(quorums(9, 9), [[3, 3]])
})
