// While the ring changes, a slot whose replicas differ between the tokens that are and those to come has two sets, each
// with a majority of its own; any other slot has one.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createPlacement, preferenceList, type Placement } from '../../src/core/placement.ts'
import { type Ring, type Token } from '../../src/core/ring.ts'
import { changingRings, slots } from '../support/arbitraries.ts'

/** True if the slot has two sets. */
function checkSlot (ring: Ring & { next: readonly Token[] }, placement: Placement, slot: number): boolean {
  const lists = [preferenceList(ring.tokens, ring.replicas, slot), preferenceList(ring.next, ring.replicas, slot)] as const
  const differ = [...lists[0]].sort().join() !== [...lists[1]].sort().join()
  const plan = placement.plan(slot)
  assert.equal(plan.sets.length, differ ? 2 : 1)
  for (const [i, set] of plan.sets.entries()) {
    const list = lists[i] as string[]
    assert.deepEqual(set.members.map((member) => plan.nodes[member]), list)
    assert.equal(set.read, Math.floor(list.length / 2) + 1)
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
  fc.assert(fc.property(changingRings, fc.array(slots, { minLength: 10 }), (ring, slots) => {
    const placement = createPlacement(ring)
    for (const slot of slots) if (checkSlot(ring, placement, slot)) two++
  }), { numRuns: 200 })
  assert.ok(two > 300)
})

t.test('another order of the same replicas is no move', async (t) => {
  const token = (position: number, node: string) => ({ position, node })
  const ring = { generation: 1, epoch: 1, replicas: 2, tokens: [token(1, 'a:1'), token(2, 'b:1')], next: [token(1, 'b:1'), token(2, 'a:1')], pending: [] }
  t.same(createPlacement(ring).plan(0), { ring: { generation: 1, epoch: 1 }, nodes: ['a:1', 'b:1'], sets: [{ members: [0, 1], read: 2, write: 2 }] })
})
