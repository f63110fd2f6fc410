// While the ring changes, a slot whose replicas differ between the tokens that are and those to come has two
// sets, each with a majority of its own; any other slot has one.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createPlacement, preferenceList, type Placement } from '../../../src/core/ring/placement.ts'
import { type Ring, type Token } from '../../../src/core/ring/ring.ts'
import { changingRings, slots } from '../../support/checker/arbitraries.ts'

const majority = (list: readonly string[]) => Math.floor(list.length / 2) + 1

/** True if the slot has two sets. */
function checkSlot(ring: Ring & { next: readonly Token[] }, placement: Placement, slot: number): boolean {
  const all = preferenceList(ring.tokens, ring.replicas, slot)
  const left = all.filter(node => !ring.gone?.includes(node))
  const lists = [left, preferenceList(ring.next, ring.replicas, slot)].filter(list => list.length > 0) as [
    string[],
    string[]
  ]
  const differ = lists.length === 2 && [...lists[0]].sort().join() !== [...lists[1]].sort().join()
  // Those that are left of the present replicas meet every quorum that those that are gone were part of.
  const meeting = Math.min(left.length, Math.ceil(all.length / 2))
  const plan = placement.plan(slot)
  assert.equal(plan.sets.length, differ ? 2 : 1)
  for (const [i, set] of plan.sets.entries()) {
    const list = lists[i] as string[]
    assert.deepEqual(
      set.members.map(member => plan.nodes[member]),
      list
    )
    assert.equal(set.read, list === left ? Math.max(majority(list), meeting) : majority(list))
    assert.equal(set.write, set.read)
  }
  assert.deepEqual(new Set(plan.nodes), new Set(differ ? lists.flat() : lists[0]))
  assert.equal(new Set(plan.nodes).size, plan.nodes.length, 'nobody is asked twice')
  assert.equal(placement.owner(slot), lists[0][0], 'the owner is that of the present tokens')
  for (const node of plan.nodes) assert.ok(placement.replicates(node, slot))
  return differ
}

t.test('two sets exactly where the replicas differ', async () => {
  let two = 0
  // Many slots of one placement, since it makes one plan for all slots between two tokens.
  fc.assert(
    fc.property(changingRings, fc.array(slots, { minLength: 10 }), (ring, slots) => {
      const placement = createPlacement(ring)
      for (const slot of slots) if (checkSlot(ring, placement, slot)) two++
    }),
    { numRuns: 200 }
  )
  assert.ok(two > 300)
})

t.test('another order of the same replicas is no move', async t => {
  const token = (position: number, node: string) => ({ position, node })
  const ring = {
    generation: 1,
    epoch: 1,
    replicas: 2,
    tokens: [token(1, 'a:1'), token(2, 'b:1')],
    next: [token(1, 'b:1'), token(2, 'a:1')],
    pending: []
  }
  t.same(createPlacement(ring).plan(0), {
    ring,
    nodes: ['a:1', 'b:1'],
    sets: [{ members: [0, 1], read: 2, write: 2 }],
    kept: 2
  })
})

t.test('while replicas are gone, those that are left meet every write of before', async t => {
  const tokens = ['a:1', 'b:1', 'c:1', 'd:1', 'e:1'].map((node, position) => ({ position, node }))
  const sets = (gone: string[], next = tokens.filter(({ node }) => !gone.includes(node))) =>
    createPlacement({ generation: 1, epoch: 1, replicas: 5, tokens, next, pending: ['a:1'], since: 1, gone })
      .plan(0)
      .sets.map(({ members, read, write }) => [members.length, read, write])
  t.same(sets(['e:1']), [[4, 3, 3]])
  t.same(
    sets(['d:1', 'e:1']),
    [[3, 3, 3]],
    'two of three may have missed a write of the third and the two that are gone'
  )
  t.same(sets(['c:1', 'd:1', 'e:1']), [[2, 2, 2]])
  t.same(
    sets(['a:1', 'b:1', 'c:1', 'd:1', 'e:1'], [{ position: 9, node: 'f:1' }]),
    [[1, 1, 1]],
    'nobody is left but those to come'
  )
})
