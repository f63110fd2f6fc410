// A write that found room at a few replicas only can be given to no quorum while the others are full. A read
// that meets it answers with what came before it, if it is certain that nobody has seen the write; else it
// says what is unknown.

import t from 'tap'
import { createCoordinator } from '../../../src/core/quorum/coordinator.ts'
import { createPlacement, type Plan } from '../../../src/core/ring/placement.ts'
import { failed, FENCED, MISS, STORED } from '../../../src/core/ports.ts'
import { notRuledOut } from '../../../src/core/quorum/unfinished.ts'
import { EXPIRY_MARGIN_MS } from '../../../src/limits.ts'
import { clockedNodes, type ClockedNode } from './clocked-replicas.ts'
import { found, scripted } from './scripted-replicas.ts'

type Three = [ClockedNode, ClockedNode, ClockedNode]

const UNKNOWN = { code: 'KV_ERR_QUORUM', statusCode: 503, message: /is unknown/ }

/** Three nodes with the value `old`, and `new` at the first one only, as the others are full. */
async function halfDone(): Promise<Three> {
  const nodes = clockedNodes([0, 0, 0]) as unknown as Three
  await nodes[0].write('old')
  for (const node of nodes.slice(1)) node.full = true
  await nodes[0].write('new').then(
    () => t.fail('there was room'),
    error => t.match(error, { code: 'KV_ERR_FULL', message: /outcome unknown/ })
  )
  return nodes
}

t.test('all replicas answer: the write was never acknowledged', async t => {
  const [first, second, third] = await halfDone()
  for (const node of [first, second, third]) t.equal(await node.read(), 'old')
  third.full = false
  t.equal(await second.read(), 'new', 'there is room again: it takes effect')
  third.full = true
  for (const node of [first, second, third]) t.equal(await node.read(), 'new', 'and stays')
})

t.test('a replica that is full may have it all the same', async t => {
  const [first, second, third] = await halfDone()
  third.reachable = false
  await t.rejects(first.read(), UNKNOWN, 'the third could be the other one of a quorum')
  t.equal(await second.read().catch(error => error.code), 'KV_ERR_QUORUM')
  third.reachable = true
  t.equal(await first.read(), 'old')
})

t.test('the first write of a key', async t => {
  const [first, second, third] = clockedNodes([0, 0, 0]) as unknown as Three
  second.full = third.full = true
  await t.rejects(first.write('new'), { code: 'KV_ERR_FULL' })
  t.equal(await third.read(), undefined)
})

t.test('a delete is a write', async t => {
  const [first, second, third] = clockedNodes([0, 0, 0]) as unknown as Three
  await first.write('old')
  second.full = third.full = true
  await t.rejects(first.remove(), { code: 'KV_ERR_FULL', message: /outcome unknown/ })
  for (const node of [first, second, third]) t.equal(await node.read(), 'old')
})

t.test('two of two', async t => {
  const [first, second] = clockedNodes([0, 0]) as unknown as [ClockedNode, ClockedNode]
  await first.write('old')
  second.full = true
  await t.rejects(first.write('new'), { code: 'KV_ERR_FULL' })
  t.equal(await first.read(), 'old')
  t.equal(await second.read(), 'old')
})

t.test('a key that expires where there is no room for its end', async t => {
  const nodes = clockedNodes([0, 0, 0])
  const [first] = nodes as unknown as Three
  await first.write('v', 1_000)
  for (const node of nodes) node.full = true
  t.equal(await first.read(), 'v')
  nodes.nowMs += 1_000
  await t.rejects(
    first.read(),
    { code: 'KV_ERR_QUORUM', message: /has just expired/ },
    'a node whose clock is behind could still find it'
  )
  nodes.nowMs += EXPIRY_MARGIN_MS
  for (const node of nodes) t.equal(await node.read(), undefined, 'no node that serves is so far behind')
})

t.test('with other quorums than majorities nothing is known', async t => {
  const { read } = createCoordinator(
    scripted({ get: [[found(5), MISS, MISS]], merge: [[STORED, failed('full'), failed('full')]] })
  )
  await t.rejects(read(0, 'k', { read: 3, write: 2 }), UNKNOWN)
})

t.test('what comes between', async t => {
  const merge = [[STORED, failed('full'), failed('full')]] as const
  const first = [found(5), MISS, failed('timeout')] as const
  const read = (...later: ReadonlyArray<Parameters<typeof scripted>[0]['get'][number]>) =>
    createCoordinator(scripted({ get: [first, ...later], merge })).read(0, 'k')
  t.equal((await read([found(5), MISS, MISS])).record, undefined)
  t.equal(
    (await read([found(5), MISS, FENCED], [MISS, MISS, MISS])).record,
    undefined,
    'another ring: everything anew'
  )
  t.match(
    (await read([found(5), found(5), MISS])).record,
    found(5).record,
    'the write was finished by somebody else'
  )
  await t.rejects(read([found(5), failed('timeout'), failed('timeout')]), {
    code: 'KV_ERR_QUORUM',
    message: /timeout/
  })
  const { read: silent } = createCoordinator(
    scripted({ get: [first, [MISS, MISS, MISS]], merge: [[STORED, failed('timeout'), failed('timeout')]] })
  )
  await t.rejects(silent(0, 'k'), { message: /timeout/ }, 'a replica that is silent is not full')
  const { read: fenced } = createCoordinator(
    scripted({
      get: [first, [found(5), found(4), failed('timeout')], [MISS, MISS, MISS]],
      merge: [
        [STORED, failed('full'), failed('full')],
        [STORED, FENCED, FENCED]
      ]
    })
  )
  t.equal((await fenced(0, 'k')).record, undefined, 'another ring in the second write-back')
})

t.test('what is ruled out', async t => {
  const tokens = (names: string) => [...names].map((node, position) => ({ position, node: `${node}:1` }))
  const ring = { generation: 1, epoch: 1, replicas: 3, tokens: tokens('abc') }
  const newest = (plan: Plan, ...answers: Parameters<typeof notRuledOut>[1]) =>
    notRuledOut(plan, answers)?.version.timeMs
  const stable = createPlacement(ring).plan(0)
  t.equal(newest(stable, found(5), found(4), found(3)), 4, 'at a majority, or newer')
  t.equal(newest(stable, found(5), found(4), failed('timeout')), 5)
  t.equal(newest(stable, found(5), undefined, MISS), 5)
  t.equal(newest(stable, found(5), MISS, MISS), undefined)
  const joint = createPlacement({ ...ring, next: tokens('def'), pending: ['d:1'] }).plan(0)
  t.equal(newest(joint, found(5), found(5), MISS, MISS, MISS, MISS), 5, 'those to come may not have it yet')
  t.equal(
    newest(joint, found(5), found(4), found(4), found(5), found(5), found(5)),
    4,
    'and what only they have was never acknowledged'
  )
  const without = createPlacement({ ...ring, next: tokens('ab'), pending: ['a:1'], gone: ['c:1'] }).plan(0)
  t.equal(
    newest(without, found(5), found(4)),
    5,
    'one that is gone may have been the other one of a majority'
  )
})
