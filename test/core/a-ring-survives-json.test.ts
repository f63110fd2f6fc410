// A ring, as JSON and back, is the same ring; its JSON has the shape that the course project's clients know.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { compareRings, namesNode, nodesOf, parseRing, ringToJson, type Ring } from '../../src/core/ring.ts'
import { nodes, rings } from '../support/arbitraries.ts'

t.test('there and back', async () => {
  fc.assert(fc.property(rings, (ring) => {
    assert.deepEqual(parseRing(JSON.stringify(ringToJson(ring))), ring)
  }))
})

t.test('its shape', async (t) => {
  const ring: Ring = { generation: 5, epoch: 2, replicas: 3, tokens: [{ position: 30, node: 'a:1' }, { position: 200, node: 'b:1' }] }
  t.strictSame(ringToJson(ring), { ring: { 30: 'a:1', 200: 'b:1' }, _sorted_keys: [30, 200], generation: 5, epoch: 2, replicas: 3 })
  t.strictSame(ringToJson({ ...ring, next: [{ position: 1, node: 'c:1' }], pending: ['c:1'] }), {
    ring: { 30: 'a:1', 200: 'b:1' }, _sorted_keys: [30, 200], generation: 5, epoch: 2, replicas: 3, next: { 1: 'c:1' }, pending: ['c:1']
  })
})

t.test('who is on it, and which of two is newer', async () => {
  fc.assert(fc.property(rings, nodes, (ring, node) => {
    const named = [...ring.tokens, ...ring.next ?? []].map((token) => token.node)
    assert.deepEqual(new Set(nodesOf(ring)), new Set(named))
    assert.equal(nodesOf(ring).length, new Set(named).size)
    assert.equal(namesNode(ring, node), named.includes(node))
  }))
  fc.assert(fc.property(rings, rings, fc.boolean(), (a, b, tie) => {
    const other = tie ? { ...b, generation: a.generation } : b
    const big = ({ generation, epoch }: Ring) => BigInt(generation) * 2n ** 32n + BigInt(epoch)
    const order = big(a) - big(other)
    assert.equal(Math.sign(compareRings(a, other)), order < 0n ? -1 : order > 0n ? 1 : 0)
  }))
})
