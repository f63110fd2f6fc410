// What moves between two rings, and what a node holds, told as ranges: the same as asking each of the 10,000 slots.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { holdings, moves, preferenceList } from '../../src/core/placement.ts'
import { nodes, rings, tokenLists } from '../support/arbitraries.ts'

/** Ranges are in ascending order and do not overlap; one value for each slot, undefined outside of all ranges. */
function bySlot<R extends { readonly min: number, readonly max: number }> (ranges: readonly R[]): Array<R | undefined> {
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
  fc.assert(fc.property(tokenLists(), tokenLists(), fc.integer({ min: 1, max: 5 }), (from, to, replicas) => {
    for (const [slot, move] of bySlot(moves(from, to, replicas)).entries()) {
      const before = preferenceList(from, replicas, slot)
      const after = preferenceList(to, replicas, slot)
      const expected = sorted(before) === sorted(after) ? undefined : `${before} to ${after}`
      if ((move && `${move.from} to ${move.to}`) !== expected) assert.fail(`slot ${slot}: ${expected}`)
    }
  }), { numRuns: 20 })
})

t.test('nothing moves between equal rings', async (t) => {
  fc.assert(fc.property(tokenLists(), (tokens) => moves(tokens, [...tokens], 3).length === 0))
  t.same(moves([{ position: 9_999, node: 'a:1' }], [{ position: 9_999, node: 'b:1' }], 1), [{ min: 0, max: 9_999, from: ['a:1'], to: ['b:1'] }])
})

t.test('holdings', async () => {
  fc.assert(fc.property(rings, nodes, fc.boolean(), (ring, node, member) => {
    const who = member ? (ring.tokens[0]?.node as string) : node
    for (const [slot, holding] of bySlot(holdings(ring, who)).entries()) {
      const list = preferenceList(ring.tokens, ring.replicas, slot)
      const expected = list.includes(who) ? `with ${list.filter((other) => other !== who)}` : undefined
      if ((holding && `with ${holding.others}`) !== expected) assert.fail(`slot ${slot}: ${expected}`)
    }
  }), { numRuns: 20 })
})
