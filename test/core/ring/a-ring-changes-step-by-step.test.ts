// What each step of a change makes of a ring: the ring of the next epoch, the same ring where nothing is to
// be done, or a refusal.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  abortChange,
  beginChange,
  isDone,
  receivedAll,
  renewed,
  type Change
} from '../../../src/core/ring/change.ts'
import { dueTo, receiversOf } from '../../../src/core/ring/placement.ts'
import { nodesOf, type Ring, type Token } from '../../../src/core/ring/ring.ts'
import { parseRing, ringToJson } from '../../../src/core/ring/ring-json.ts'
import { nodes, stableRings } from '../../support/checker/arbitraries.ts'

const ringOf = (tokens: Record<number, string>, replicas = 1): Ring => ({
  generation: 7,
  epoch: 3,
  replicas,
  tokens: Object.entries(tokens).map(([position, node]) => ({ position: Number(position), node }))
})
const show = (tokens: readonly Token[]) =>
  tokens.map(({ position, node }) => `${position} ${node}`).join(', ')
const add = (position: number, node: string): Change => ({ kind: 'add', position, node })
const remove = (node: string): Change => ({ kind: 'remove', node, gone: false })
const bury = (node: string): Change => ({ kind: 'remove', node, gone: true })
const removeToken = (position: number, node: string): Change => ({ kind: 'remove-token', position, node })

const CONFLICT = { code: 'KV_ERR_RING_CONFLICT', statusCode: 409 }
const UNKNOWN = { code: 'KV_ERR_UNKNOWN_NODE', statusCode: 404 }

const stable = ringOf({ 30: 'a:1', 60: 'b:1', 90: 'c:1' })
const adding = beginChange(stable, add(10, 'd:1'))

t.test('a change begins with a joint ring that names the receivers', async t => {
  t.same(adding, {
    ...stable,
    epoch: 4,
    next: [{ position: 10, node: 'd:1' }, ...stable.tokens],
    since: 4,
    pending: ['d:1']
  })
  t.same(beginChange(stable, remove('a:1')), {
    ...stable,
    epoch: 4,
    next: stable.tokens.slice(1),
    since: 4,
    pending: ['b:1']
  })
  t.same(beginChange(stable, removeToken(30, 'a:1')), beginChange(stable, remove('a:1')), 'its only token')
  t.same(beginChange(stable, add(10, 'c:1')).pending, ['c:1'], 'a further token of a member')
  t.same(beginChange({ ...stable, replicas: 2 }, remove('a:1')).pending, ['b:1', 'c:1'])
  const two = ringOf({ 30: 'a:1', 60: 'b:1', 90: 'a:1' })
  t.equal(
    show(beginChange(two, removeToken(30, 'a:1')).next ?? []),
    '60 b:1, 90 a:1',
    'one of several tokens'
  )
  t.equal(show(beginChange(two, remove('a:1')).next ?? []), '60 b:1', 'all tokens of a node')
})

t.test('a change that gives nobody anything is over at once', async t => {
  const all = ringOf({ 30: 'a:1', 60: 'b:1', 90: 'a:1' }, 2)
  t.same(beginChange(all, remove('b:1')), {
    generation: 7,
    epoch: 4,
    replicas: 2,
    tokens: [all.tokens[0], all.tokens[2]],
    since: 4
  })
  t.same(beginChange(all, add(5, 'b:1')), {
    ...all,
    epoch: 4,
    since: 4,
    tokens: [{ position: 5, node: 'b:1' }, ...all.tokens]
  })
  t.same(
    beginChange(ringOf({ 30: 'a:1', 60: 'b:1', 90: 'a:1' }), removeToken(30, 'a:1')).pending,
    ['b:1'],
    'but with one replica b gains slots'
  )
  t.same(beginChange(ringOf({ 30: 'a:1', 60: 'a:1', 90: 'b:1' }), removeToken(30, 'a:1')).next, undefined)
})

t.test('of three replicas that become two, each that stays has to fetch what it missed', async t => {
  const joint = beginChange({ ...stable, replicas: 3 }, remove('c:1'))
  t.same(joint.pending, ['a:1', 'b:1'])
  t.same(beginChange({ ...stable, replicas: 3 }, bury('c:1')).pending, ['a:1', 'b:1'])
  t.same(dueTo(joint, 'c:1'), [], 'the one that leaves does not')
})

t.test('the same again', async t => {
  t.equal(beginChange(stable, add(60, 'b:1')), stable, 'already so')
  t.equal(beginChange(adding, add(10, 'd:1')), adding, 'under way')
  const removing = beginChange(stable, remove('a:1'))
  t.equal(beginChange(removing, remove('a:1')), removing)
  t.equal(beginChange(removing, removeToken(30, 'a:1')), removing)
  const burying = beginChange(stable, bury('a:1'))
  t.equal(beginChange(burying, bury('a:1')), burying)
  t.equal(beginChange(burying, remove('a:1')), burying, 'whether it is dead or not')
  t.equal(beginChange(adding, add(60, 'b:1')), adding, 'so it is and stays')
})

t.test('what cannot be', async t => {
  t.throws(() => beginChange(stable, add(60, 'a:1')), CONFLICT, 'the token of another node')
  t.throws(() => beginChange(adding, add(10, 'a:1')), CONFLICT, 'the token that another node is to have')
  for (const of of [remove, bury]) {
    t.throws(() => beginChange(stable, of('x:1')), UNKNOWN)
    t.throws(() => beginChange(ringOf({ 1: 'a:1', 2: 'a:1' }), of('a:1')), CONFLICT, 'the last node')
  }
  t.throws(() => beginChange(stable, remove('x:1')), { message: /x:1 has no token$/ })
  t.throws(() => beginChange(stable, removeToken(61, 'b:1')), { message: /b:1 has no token 61$/ })
  t.throws(() => beginChange(stable, removeToken(60, 'a:1')), UNKNOWN, 'the token of another')
  t.throws(() => beginChange(stable, removeToken(61, 'b:1')), UNKNOWN)
  t.throws(() => beginChange(ringOf({ 1: 'a:1' }), removeToken(1, 'a:1')), CONFLICT, 'the last token')
  t.throws(
    () => beginChange(beginChange(ringOf({ 1: 'a:1', 2: 'b:1' }), bury('a:1')), bury('b:1')),
    CONFLICT,
    'the last that is not gone'
  )
})

t.test('another change while one is under way', async t => {
  for (const change of [
    add(11, 'e:1'),
    add(5, 'd:1'),
    remove('a:1'),
    remove('d:1'),
    removeToken(60, 'b:1')
  ]) {
    t.throws(() => beginChange(adding, change), CONFLICT)
  }
  t.throws(() => beginChange(beginChange(stable, remove('a:1')), add(30, 'a:1')), CONFLICT, 'its opposite')
})

t.test('the dead do not hold up a change', async t => {
  t.same(beginChange(adding, bury('d:1')), { ...stable, epoch: 5, since: 5 }, 'the node that was to be added')
  t.same(
    beginChange(adding, bury('a:1')),
    { ...stable, epoch: 5, next: stable.tokens.slice(1), since: 5, gone: ['a:1'], pending: ['b:1'] },
    'its removal takes the place of the change'
  )
  const one = beginChange(stable, bury('a:1'))
  const both = beginChange(one, bury('b:1'))
  t.same(both, {
    ...stable,
    epoch: 5,
    next: stable.tokens.slice(2),
    since: 5,
    gone: ['a:1', 'b:1'],
    pending: ['c:1']
  })
  t.same(receivedAll(both, both, 'c:1'), { ...stable, epoch: 6, since: 6, tokens: stable.tokens.slice(2) })
  const pair = ringOf({ 1: 'a:1', 2: 'b:1' }, 2)
  t.same(
    beginChange(pair, bury('a:1')),
    { ...pair, epoch: 4, next: pair.tokens.slice(1), since: 4, gone: ['a:1'], pending: ['b:1'] },
    'a ring that is decided without a member names it'
  )
  t.same(dueTo(beginChange(pair, bury('a:1')), 'b:1'), [])
})

t.test('several dead at once', async t => {
  const buryBoth: Change = { kind: 'remove', node: 'a:1', gone: true, also: ['b:1', 'a:1'] }
  const both = beginChange(stable, buryBoth)
  t.same(both, {
    ...stable,
    epoch: 4,
    next: stable.tokens.slice(2),
    since: 4,
    gone: ['a:1', 'b:1'],
    pending: ['c:1']
  })
  t.equal(beginChange(both, buryBoth), both, 'again')
  t.same(
    beginChange(beginChange(stable, bury('b:1')), buryBoth).gone,
    ['b:1', 'a:1'],
    'one of them is gone already'
  )
  t.notOk(isDone(beginChange(stable, bury('a:1')), buryBoth))
  t.ok(isDone(receivedAll(both, both, 'c:1'), buryBoth))
  t.same(
    beginChange(adding, { ...buryBoth, also: ['d:1'] }).gone,
    ['a:1'],
    'a node that was to be added just stays away'
  )
  t.throws(() => beginChange(stable, { ...buryBoth, also: ['x:1'] }), UNKNOWN)
  t.throws(() => beginChange(stable, { ...buryBoth, also: ['b:1', 'c:1'] }), CONFLICT, 'nobody would be left')
})

t.test('receivers take themselves off, and the last one ends the change', async t => {
  const joint = beginChange({ ...stable, replicas: 2 }, remove('a:1'))
  const half = receivedAll(joint, joint, 'c:1')
  t.same(half, { ...joint, epoch: 5, pending: ['b:1'] })
  t.equal(receivedAll(half, joint, 'c:1'), half, 'again')
  t.equal(receivedAll(half, joint, 'a:1'), half, 'nobody waits for it')
  t.same(
    receivedAll(renewed(half), joint, 'b:1'),
    { ...stable, replicas: 2, epoch: 7, since: 7, tokens: stable.tokens.slice(1) },
    'what was received before the ring was renewed counts'
  )
  const end = receivedAll(half, half, 'b:1')
  t.equal(receivedAll(end, half, 'b:1'), end, 'a change that is over')
  const again = beginChange(abortChange(joint), remove('a:1'))
  t.equal(receivedAll(again, joint, 'b:1'), again, 'what was received in an earlier change does not count')
  t.equal(receivedAll({ ...joint, generation: 8 }, joint, 'b:1').epoch, joint.epoch)
})

t.test('giving up', async t => {
  t.same(abortChange(adding), { ...stable, epoch: 5, since: 5 }, 'the same tokens, in another shape')
  t.throws(() => abortChange(stable), CONFLICT)
  t.throws(() => abortChange(beginChange(stable, bury('a:1'))), CONFLICT, 'the dead cannot be taken back')
})

t.test('when a change is done', async t => {
  t.same(
    [
      add(10, 'd:1'),
      add(10, 'a:1'),
      remove('d:1'),
      remove('a:1'),
      removeToken(30, 'a:1'),
      removeToken(31, 'a:1')
    ].map(change => isDone(stable, change)),
    [false, false, true, false, false, true]
  )
  t.same(
    [add(10, 'd:1'), remove('d:1'), add(30, 'a:1')].map(change => isDone(adding, change)),
    [false, false, true]
  )
  t.ok(isDone(receivedAll(adding, adding, 'd:1'), add(10, 'd:1')))
})

t.test('any change of any ring, to its end', async () => {
  const changes: fc.Arbitrary<Change> = fc.oneof(
    fc.tuple(fc.nat(9_999), nodes).map(([position, node]) => add(position, node)),
    fc.tuple(nodes, fc.boolean()).map(([node, gone]): Change => ({ kind: 'remove', node, gone }))
  )
  let begun = 0
  fc.assert(
    fc.property(
      stableRings.filter(({ epoch }) => epoch < 2 ** 31),
      changes,
      fc.boolean(),
      (before, change, last) => {
        const possible: Change =
          change.kind === 'remove' && last ? { ...change, node: before.tokens[0]?.node as string } : change
        let ring: Ring
        try {
          ring = beginChange(before, possible)
        } catch {
          return
        }
        if (ring.next !== undefined) {
          begun++
          assert.deepEqual(parseRing(JSON.stringify(ringToJson(ring))), ring, 'it is a valid ring')
          assert.ok(
            ring.gone !== undefined || assert.deepEqual(ring.pending, receiversOf(ring)) === undefined
          )
          assert.ok(ring.pending?.every(node => nodesOf(ring).includes(node)))
          assert.equal(beginChange(ring, possible), ring)
        }
        while (ring.next !== undefined) {
          const { epoch } = ring
          ring = receivedAll(ring, ring, ring.pending?.[0] as string)
          assert.equal(ring.epoch, epoch + 1)
        }
        assert.ok(isDone(ring, possible))
        assert.deepEqual([ring.next, ring.pending, ring.gone], [undefined, undefined, undefined])
        assert.ok(ring === before || ring.since === ring.epoch, 'it has its shape since then')
      }
    ),
    { numRuns: 200 }
  )
  assert.ok(begun > 40)
})
