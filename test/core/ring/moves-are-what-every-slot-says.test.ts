// What moves between two rings, and what a node holds, told as ranges: the same as asking each of the 10,000
// slots.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { dueTo, holdings, moves, preferenceList, receiversOf } from '../../../src/core/ring/placement.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { changingRings, nodes, rings, tokenLists } from '../../support/checker/arbitraries.ts'

/**
 * Ranges are in ascending order and do not overlap; one value for each slot, undefined outside of all ranges.
 */
function bySlot<R extends { readonly min: number; readonly max: number }>(
  ranges: readonly R[]
): Array<R | undefined> {
  const slots = new Array<R | undefined>(10_000).fill(undefined)
  let last = -1
  for (const range of ranges) {
    assert.ok(range.min > last && range.max >= range.min && range.max < 10_000)
    last = range.max
    slots.fill(range, range.min, range.max + 1)
  }
  return slots
}

const sorted = (list: readonly string[]) => [...list].sort().join(' ')

t.test('moves', async () => {
  fc.assert(
    fc.property(tokenLists(), tokenLists(), fc.integer({ min: 1, max: 5 }), (from, to, replicas) => {
      for (const [slot, move] of bySlot(moves(from, to, replicas)).entries()) {
        const before = preferenceList(from, replicas, slot)
        const after = preferenceList(to, replicas, slot)
        const expected = sorted(before) === sorted(after) ? undefined : `${before} to ${after}`
        if ((move && `${move.from} to ${move.to}`) !== expected) assert.fail(`slot ${slot}: ${expected}`)
      }
    }),
    { numRuns: 20 }
  )
})

t.test('nothing moves between equal rings', async t => {
  fc.assert(fc.property(tokenLists(), tokens => moves(tokens, [...tokens], 3).length === 0))
  t.same(moves([{ position: 9_999, node: 'a:1' }], [{ position: 9_999, node: 'b:1' }], 1), [
    { min: 0, max: 9_999, from: ['a:1'], to: ['b:1'] }
  ])
})

t.test('holdings', async () => {
  fc.assert(
    fc.property(rings, nodes, fc.boolean(), (ring, node, member) => {
      const who = member ? (ring.tokens[0]?.node as string) : node
      for (const [slot, holding] of bySlot(holdings(ring, who)).entries()) {
        const list = preferenceList(ring.tokens, ring.replicas, slot)
        const present = list.includes(who)
        const toCome = ring.next !== undefined && preferenceList(ring.next, ring.replicas, slot).includes(who)
        const others = list.filter(other => other !== who && !ring.gone?.includes(other))
        const expected =
          ring.gone?.includes(who) || !(present || toCome)
            ? undefined
            : `${present} of ${list.length} with ${others}`
        if ((holding && `${holding.present} of ${holding.replicas} with ${holding.others}`) !== expected) {
          assert.fail(`slot ${slot}: ${expected}`)
        }
      }
    }),
    { numRuns: 30 }
  )
})

t.test('receivers', async t => {
  let some = 0
  fc.assert(
    fc.property(changingRings, ring => {
      const gaining = new Set<string>()
      const [now, then] = [ring.tokens, ring.next].map(tokens =>
        Math.min(ring.replicas, new Set(tokens.map(token => token.node)).size)
      ) as [number, number]
      for (let slot = 0; slot < 10_000; slot += 97) {
        const list = preferenceList(ring.tokens, ring.replicas, slot)
        for (const node of preferenceList(ring.next, ring.replicas, slot)) {
          if (!list.includes(node) && !ring.gone?.includes(node)) gaining.add(node)
        }
      }
      const receivers = receiversOf(ring)
      for (const node of gaining) assert.ok(receivers.includes(node), `${node} gains slots`)
      assert.deepEqual(receivers, [...new Set(receivers)].sort())
      for (const node of receivers) {
        some++
        const due = dueTo(ring, node)
        assert.ok(
          due.length > 0 && (then < now || due.every(holding => !holding.present)),
          'who has a slot is due it only where replicas become fewer'
        )
      }
    }),
    { numRuns: 60 }
  )
  assert.ok(some > 30)
  t.same(
    receiversOf({ generation: 1, epoch: 1, replicas: 2, tokens: [{ position: 1, node: 'a:1' }] }),
    [],
    'a stable ring has none'
  )
})

t.test('those that stay are due everything exactly where a quorum of now may leave too few', async t => {
  for (let now = 2; now <= 9; now++) {
    const tokens = Array.from({ length: now }, (_, position) => ({ position, node: `n${position}:1` }))
    for (let then = 1; then < now; then++) {
      const ring: Ring = { generation: 1, epoch: 1, replicas: 9, tokens, next: tokens.slice(0, then) }
      const left = Math.floor(now / 2) + 1 - (now - then)
      t.equal(receiversOf(ring).length, left < Math.floor(then / 2) + 1 ? then : 0, `${now} to ${then}`)
    }
  }
})
