// Seeding: the same again changes nothing, anything else makes a generation that is newer than the present
// one, and a generation that is told must be newer itself.

import fc from 'fast-check'
import t from 'tap'
import { compareRings, type Ring } from '../../../src/core/ring/ring.ts'
import { parseRing, ringToJson } from '../../../src/core/ring/ring-json.ts'
import { applySeed, type Seed } from '../../../src/core/ring/seed.ts'
import { changingRings, stableRings } from '../../support/checker/arbitraries.ts'

const now = fc.integer({ min: 1, max: 2 ** 47 })

const seedLike = ({ tokens, replicas }: Ring, generation?: number): Seed => ({ tokens, replicas, generation })

t.test('the first seed', async () => {
  fc.assert(
    fc.property(stableRings, now, fc.boolean(), (ring, nowMs, told) => {
      const made = applySeed(undefined, seedLike(ring, told ? ring.generation : undefined), nowMs)
      return (
        made.epoch === 1 &&
        made.generation === (told ? ring.generation : nowMs) &&
        made.tokens === ring.tokens &&
        made.replicas === ring.replicas
      )
    })
  )
})

t.test('the same again changes nothing', async () => {
  fc.assert(
    fc.property(stableRings, now, (ring, nowMs) => {
      const copy = parseRing(JSON.stringify(ringToJson(ring)))
      return (
        applySeed(ring, seedLike(copy), nowMs) === ring &&
        applySeed(ring, seedLike(copy, ring.generation), nowMs) === ring
      )
    })
  )
})

t.test('anything else, without a generation, gets one that is newer', async () => {
  const others = fc
    .tuple(fc.oneof(stableRings, changingRings), stableRings)
    .filter(([present]) => present.generation < 2 ** 48 - 1)
  fc.assert(
    fc.property(others, now, ([present, other], nowMs) => {
      fc.pre(
        present.next !== undefined ||
          JSON.stringify([present.tokens, present.replicas]) !==
            JSON.stringify([other.tokens, other.replicas])
      )
      const made = applySeed(present, seedLike(other), nowMs)
      return (
        compareRings(made, present) > 0 &&
        made.generation === Math.max(nowMs, present.generation + 1) &&
        made.epoch === 1 &&
        made.next === undefined &&
        made.pending === undefined
      )
    })
  )
})

t.test('a single difference is enough', async t => {
  const present: Ring = {
    generation: 7,
    epoch: 3,
    replicas: 2,
    tokens: [
      { position: 1, node: 'a:1' },
      { position: 2, node: 'b:1' }
    ]
  }
  const next = (fields: Partial<Seed>) => applySeed(present, { ...seedLike(present), ...fields }, 0)
  t.equal(next({}), present)
  t.equal(next({ replicas: 3 }).generation, 8)
  t.equal(next({ tokens: present.tokens.slice(1) }).generation, 8)
  t.equal(
    next({
      tokens: [
        { position: 1, node: 'a:2' },
        { position: 2, node: 'b:1' }
      ]
    }).generation,
    8
  )
  t.equal(
    next({
      tokens: [
        { position: 0, node: 'a:1' },
        { position: 2, node: 'b:1' }
      ]
    }).generation,
    8
  )
})

t.test('a told generation that is older, or taken by another ring, conflicts', async t => {
  const present: Ring = { generation: 7, epoch: 3, replicas: 2, tokens: [{ position: 1, node: 'a:1' }] }
  const conflict = { code: 'KV_ERR_RING_CONFLICT', statusCode: 409 }
  t.throws(() => applySeed(present, seedLike(present, 6), 100), conflict, 'older, though the same')
  t.throws(
    () => applySeed(present, { ...seedLike(present), replicas: 3, generation: 7 }, 100),
    conflict,
    'a tie with other content'
  )
  t.throws(
    () => applySeed({ ...present, next: present.tokens, pending: [] }, seedLike(present, 7), 100),
    conflict,
    'a tie with a ring that is changing'
  )
  t.same(
    applySeed(present, seedLike(present, 8), 100),
    { generation: 8, epoch: 1, replicas: 2, tokens: present.tokens },
    'newer, though the same'
  )
})

t.test('there is no generation after the last', async t => {
  const present: Ring = {
    generation: 2 ** 48 - 1,
    epoch: 1,
    replicas: 2,
    tokens: [{ position: 1, node: 'a:1' }]
  }
  t.equal(applySeed(present, seedLike(present), 0), present)
  t.throws(() => applySeed(present, { ...seedLike(present), replicas: 1 }, 0), {
    code: 'KV_ERR_RING_CONFLICT'
  })
})
