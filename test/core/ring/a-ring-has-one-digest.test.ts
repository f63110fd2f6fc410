// Two rings have the same digest if they are the same ring, however they came about, and only then.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { areSplit, digestOf, refuseSplit } from '../../../src/core/ring/digest.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { parseRing, ringToJson } from '../../../src/core/ring/ring-json.ts'
import { parseSeed, applySeed } from '../../../src/core/ring/seed.ts'
import { rings } from '../../support/checker/arbitraries.ts'

const spelled = (ring: Ring) => JSON.stringify(ringToJson(ring))

t.test('a ring that has travelled has the digest that it had', async () => {
  fc.assert(
    fc.property(rings, ring => {
      assert.match(digestOf(ring), /^[0-9a-f]{16}$/)
      assert.equal(digestOf(parseRing(spelled(ring))), digestOf(ring))
    })
  )
})

t.test('rings that differ in anything have others', async () => {
  fc.assert(
    fc.property(rings, rings, (a, b) => {
      fc.pre(spelled(a) !== spelled(b))
      assert.notEqual(digestOf(a), digestOf(b))
    })
  )
})

t.test('what may differ while the number does not', async t => {
  const ring: Ring = {
    generation: 1,
    epoch: 2,
    replicas: 3,
    tokens: [
      { position: 1, node: 'a:1' },
      { position: 5, node: 'b:1' }
    ]
  }
  const next = [
    { position: 1, node: 'a:1' },
    { position: 5, node: 'b:1' },
    { position: 9, node: 'c:1' }
  ]
  const joint = { ...ring, next, pending: ['b:1', 'c:1'], since: 2 }
  const others = [
    ring,
    { ...ring, replicas: 1 },
    { ...ring, tokens: ring.tokens.slice(1) },
    { ...ring, tokens: [{ position: 2, node: 'a:1' }] },
    { ...ring, tokens: [{ position: 1, node: 'a:2' }] },
    joint,
    { ...joint, pending: ['c:1'] },
    { ...joint, since: 1 },
    { ...joint, gone: ['a:1'] }
  ]
  t.equal(new Set(others.map(digestOf)).size, others.length)
  for (const other of others.slice(1)) {
    t.ok(areSplit(ring, other))
    t.throws(() => refuseSplit(ring, other), {
      code: 'KV_ERR_RING_SPLIT',
      message: new RegExp(`${digestOf(other)}.*${digestOf(ring)}`)
    })
    t.notOk(areSplit(ring, { ...other, epoch: 3 }), 'with another number it is just another ring')
  }
  t.doesNotThrow(() => refuseSplit(ring, { ...ring }))
  t.doesNotThrow(() => refuseSplit(undefined, ring))
})

t.test('nodes that are seeded alike have one ring, in whatever order the tokens are listed', async t => {
  const nodes = [
    { ip: 'a:1', key: 9 },
    { ip: 'b:1', key: 3 }
  ]
  const seeded = (list: object[], ownReplicas: number, fields: object) =>
    digestOf(
      applySeed(
        undefined,
        parseSeed(JSON.stringify({ nodes: list, generation: 7, ...fields }), ownReplicas),
        0
      )
    )
  t.equal(seeded(nodes, 1, { replicas: 2 }), seeded([...nodes].reverse(), 3, { replicas: 2 }))
  t.not(
    seeded(nodes, 1, {}),
    seeded(nodes, 3, {}),
    'a seed that does not settle the replicas makes as many rings as nodes have ideas'
  )
})
