// A ring, as JSON and back, is the same ring; its JSON has the shape that the course project's clients know.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  compareRings,
  membersOf,
  namesNode,
  nodesOf,
  sameShape,
  type Ring,
  type Token
} from '../../../src/core/ring/ring.ts'
import { parseRing, ringToJson } from '../../../src/core/ring/ring-json.ts'
import { nodes, rings } from '../../support/checker/arbitraries.ts'

t.test('there and back', async () => {
  fc.assert(
    fc.property(rings, ring => {
      assert.deepEqual(parseRing(JSON.stringify(ringToJson(ring))), ring)
    })
  )
})

t.test('its shape', async t => {
  const ring: Ring = {
    generation: 5,
    epoch: 2,
    replicas: 3,
    tokens: [
      { position: 30, node: 'a:1' },
      { position: 200, node: 'b:1' }
    ]
  }
  t.strictSame(ringToJson(ring), {
    ring: { 30: 'a:1', 200: 'b:1' },
    _sorted_keys: [30, 200],
    generation: 5,
    epoch: 2,
    replicas: 3
  })
  const changing: Ring = { ...ring, next: [{ position: 1, node: 'c:1' }], pending: ['c:1'], since: 2 }
  const json = {
    ring: { 30: 'a:1', 200: 'b:1' },
    _sorted_keys: [30, 200],
    generation: 5,
    epoch: 2,
    replicas: 3,
    next: { 1: 'c:1' },
    pending: ['c:1'],
    since: 2
  }
  t.strictSame(ringToJson(changing), json)
  t.strictSame(ringToJson({ ...changing, gone: ['a:1'] }), { ...json, gone: ['a:1'] })
})

t.test('who is on it, and which of two is newer', async () => {
  fc.assert(
    fc.property(rings, nodes, (ring, node) => {
      const left = (tokens: readonly Token[]) =>
        tokens.map(token => token.node).filter(node => !ring.gone?.includes(node))
      const named = left([...ring.tokens, ...(ring.next ?? [])])
      assert.deepEqual(new Set(nodesOf(ring)), new Set(named))
      assert.equal(nodesOf(ring).length, new Set(named).size)
      assert.deepEqual(
        membersOf(ring),
        [...new Set(left(ring.tokens))],
        'the members are those of the present tokens'
      )
      assert.equal(namesNode(ring, node), named.includes(node))
    })
  )
  fc.assert(
    fc.property(rings, rings, fc.boolean(), (a, b, tie) => {
      const other = tie ? { ...b, generation: a.generation } : b
      const big = ({ generation, epoch }: Ring) => BigInt(generation) * 2n ** 32n + BigInt(epoch)
      const order = big(a) - big(other)
      assert.equal(Math.sign(compareRings(a, other)), order < 0n ? -1 : order > 0n ? 1 : 0)
    })
  )
})

t.test('when two rings have the same shape', async t => {
  fc.assert(
    fc.property(rings, ring => {
      assert.ok(
        sameShape(ring, { ...parseRing(JSON.stringify(ringToJson(ring))), epoch: ring.epoch + 1 }),
        'whatever the epoch'
      )
    })
  )
  const ring: Ring = {
    generation: 5,
    epoch: 9,
    replicas: 3,
    tokens: [{ position: 30, node: 'a:1' }],
    next: [{ position: 1, node: 'c:1' }],
    pending: ['c:1'],
    since: 2
  }
  t.ok(sameShape(ring, { ...ring, pending: [] }), 'however far the change is')
  const others: Array<Partial<Ring>> = [
    { generation: 6 },
    { replicas: 2 },
    { since: 3 },
    { tokens: ring.next ?? [] },
    { next: ring.tokens }
  ]
  for (const other of others) t.notOk(sameShape(ring, { ...ring, ...other }), JSON.stringify(other))
  t.notOk(sameShape(ring, { generation: 5, epoch: 9, replicas: 3, tokens: ring.tokens }))
  const seeded: Ring = { generation: 5, epoch: 1, replicas: 3, tokens: ring.tokens }
  t.ok(sameShape(seeded, { ...seeded, since: 1 }))
  t.notOk(sameShape(seeded, { ...seeded, epoch: 3, since: 3 }), 'the same tokens again, after others')
})
