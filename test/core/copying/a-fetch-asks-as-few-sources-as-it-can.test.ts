// Fetching slots from other nodes: as many sources as are needed where all is well, further ones where some
// fail, none twice for the same slots, and no success while too few remember.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { fetchHoldings, receiveSlots, type Pull, type Ranges } from '../../../src/core/copying/fetching.ts'
import { holdings, type Holding } from '../../../src/core/ring/placement.ts'
import {
  hasAllOfOthers,
  hasAllThereIs,
  isComplete,
  isReceived,
  sourcesNeeded,
  type Fetched
} from '../../../src/core/copying/recovery.ts'
import { type Proposer } from '../../../src/core/consensus/proposer.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { changingRings, rings } from '../../support/checker/arbitraries.ts'

const ring: Ring = {
  generation: 1,
  epoch: 1,
  replicas: 3,
  tokens: ['a:1', 'b:1', 'c:1'].map((node, i) => ({ position: i * 1_000, node }))
}

/** A pull whose sources do as they are told, and what was asked of each. */
function sources(ends: (source: string) => Fetched = () => ({ remembers: true })) {
  const asked: Array<{ source: string; ranges: Ranges }> = []
  const pull: Pull = async (source, _ring, ranges) => {
    asked.push({ source, ranges })
    return ends(source)
  }
  return { pull, asked }
}

/** How often each source was asked for the range that begins at `min`. */
const askedFor = (asked: ReturnType<typeof sources>['asked'], min: number) =>
  asked.filter(({ ranges }) => ranges.some(range => range[0] === min)).map(({ source }) => source)

const isRestored = (holding: Holding, fetched: ReadonlyMap<string, Fetched>) =>
  hasAllOfOthers(holding, fetched) || hasAllThereIs(holding, fetched)
const completeness = (forgotten: boolean) => ({ forgotten, isComplete: forgotten ? isRestored : isComplete })
const RECEIVED = { forgotten: false, isComplete: isReceived }

t.test('where all is well, one request to each of as many sources as are needed', async () => {
  await fc.assert(
    fc.asyncProperty(rings, fc.boolean(), async (ring, forgotten) => {
      const held = holdings(ring, ring.tokens[0]?.node as string)
      const { pull, asked } = sources()
      assert.equal(await fetchHoldings(ring, held, pull, completeness(forgotten)), true)
      for (const holding of held) {
        const from = askedFor(asked, holding.min)
        assert.equal(from.length, Math.min(sourcesNeeded(holding, forgotten), holding.others.length))
        assert.ok(from.every(source => holding.others.includes(source)))
      }
      assert.equal(
        new Set(asked.map(({ source }) => source)).size,
        asked.length,
        'all ranges of a source come in one request'
      )
    }),
    { numRuns: 100 }
  )
})

t.test('whatever fails: nobody twice, nobody in vain, and the truth in the end', async () => {
  const how = fc.constantFrom<Fetched[]>(undefined, { remembers: false }, { remembers: true })
  await fc.assert(
    fc.asyncProperty(
      rings,
      fc.boolean(),
      fc.boolean(),
      fc.infiniteStream(how),
      async (ring, forgotten, receiving, stream) => {
        const held = holdings(ring, ring.tokens[0]?.node as string)
        const ends = new Map(ring.tokens.map(({ node }) => [node, stream.next().value as Fetched]))
        const { pull, asked } = sources(source => ends.get(source))
        const options = receiving ? RECEIVED : completeness(forgotten)
        const got = await fetchHoldings(ring, held, pull, options)
        for (const holding of held) {
          const from = askedFor(asked, holding.min)
          assert.equal(new Set(from).size, from.length)
          const without = new Map(from.slice(0, -1).map(source => [source, ends.get(source)]))
          if (from.length > 0) assert.ok(!options.isComplete(holding, without), 'the last one was needed')
        }
        assert.equal(
          got,
          held.every(holding =>
            options.isComplete(holding, new Map(holding.others.map(other => [other, ends.get(other)])))
          )
        )
      }
    ),
    { numRuns: 200 }
  )
})

t.test('another takes the place of one that fails or has forgotten', async t => {
  const held = holdings(ring, 'a:1')
  for (const end of [undefined, { remembers: false }]) {
    const { pull, asked } = sources(source => (source === 'b:1' ? end : { remembers: true }))
    t.equal(await fetchHoldings(ring, held, pull, completeness(false)), true)
    for (const { min } of held) t.same(askedFor(asked, min).at(-1), 'c:1')
  }
  t.equal(
    await fetchHoldings(
      ring,
      held,
      sources(source => (source === 'b:1' ? undefined : { remembers: true })).pull,
      completeness(true)
    ),
    false,
    'both are needed'
  )
})

/** A register that makes the change on the spot. */
function registerOf(present: Ring): Proposer & { readonly rings: Ring[] } {
  const rings: Ring[] = []
  return {
    rings,
    change: async next => {
      const made = next(present)
      rings.push(made)
      return made
    }
  }
}

const joint: Ring = {
  ...ring,
  replicas: 2,
  epoch: 2,
  next: [...ring.tokens, { position: 3_000, node: 'd:1' }],
  since: 2,
  pending: ['d:1', 'x:1']
}

t.test('a receiver pulls what it is due and takes itself off', async t => {
  const register = registerOf(joint)
  const { pull, asked } = sources()
  t.equal(await receiveSlots({ node: 'd:1', pull, proposer: register, incarnation: () => 4 }, joint), true)
  t.same(register.rings, [{ ...joint, epoch: 3, pending: ['x:1'] }])
  t.same(
    [...new Set(asked.flatMap(({ ranges }) => ranges))].sort((a, b) => a[0] - b[0]),
    [
      [1_001, 2_000],
      [2_001, 3_000]
    ]
  )
})

t.test('a receiver that is due nothing has it at once', async t => {
  const register = registerOf({ ...joint, pending: ['a:1'] })
  const { pull, asked } = sources()
  t.equal(await receiveSlots({ node: 'a:1', pull, proposer: register, incarnation: () => 4 }, joint), true)
  t.same(asked, [])
  t.same(
    register.rings.map(({ next, tokens }) => [next, tokens]),
    [[undefined, joint.next]]
  )
})

t.test('a receiver that has not everything stays pending', async t => {
  const register = registerOf(joint)
  t.equal(
    await receiveSlots(
      { node: 'd:1', pull: sources(() => undefined).pull, proposer: register, incarnation: () => 4 },
      joint
    ),
    false,
    'nobody answers'
  )
  t.equal(
    await receiveSlots(
      {
        node: 'd:1',
        pull: sources(() => ({ remembers: false })).pull,
        proposer: register,
        incarnation: () => 4
      },
      joint
    ),
    false,
    'nobody remembers'
  )
  const { pull, asked } = sources()
  t.equal(
    await receiveSlots({ node: 'd:1', pull, proposer: register, incarnation: () => 0 }, joint),
    false,
    'it has forgotten'
  )
  t.same(asked, [], 'and asks nobody before it has recovered')
  let memory = 4
  t.equal(
    await receiveSlots(
      {
        node: 'd:1',
        pull: async () => {
          memory = 5
          return { remembers: true }
        },
        proposer: register,
        incarnation: () => memory
      },
      joint
    ),
    false,
    'it forgets meanwhile'
  )
  t.same(register.rings, [])
  await t.rejects(
    receiveSlots(
      {
        node: 'd:1',
        pull: sources().pull,
        proposer: { change: () => Promise.reject(new Error('no majority')) },
        incarnation: () => 4
      },
      joint
    ),
    { message: 'no majority' }
  )
})

t.test('every receiver of every change can end it', async () => {
  await fc.assert(
    fc.asyncProperty(changingRings, async ring => {
      for (const node of ring.pending ?? []) {
        const register = registerOf(ring)
        assert.equal(
          await receiveSlots({ node, pull: sources().pull, proposer: register, incarnation: () => 1 }, ring),
          true
        )
        assert.ok(register.rings[0]?.next === undefined || !register.rings[0].pending?.includes(node))
      }
    }),
    { numRuns: 60 }
  )
})
