// The network between two members is cut at the start and in the middle of a change of the ring. With three
// replicas the change ends in spite of it; with one, a receiver that is cut off from its only source waits,
// says so, and goes on when the network is back.

import t from 'tap'
import { type TestNode } from '../support/cluster/cluster.ts'
import { createNetwork } from '../support/cluster/network.ts'
import { FAULTS_MS, inRounds, startStage, type Phase } from '../support/cluster/ring-faults.ts'
import { untilTold } from '../support/cluster/ring-requests.ts'
import { mayCutNetworks, needs } from '../support/cluster/programs.ts'

t.setTimeout(FAULTS_MS)

/** A change has to be under way still when the network has been cut, on a slow machine too. */
const LONG_CHANGE_PAIRS = 1_500
const CASES: ReadonlyArray<readonly [Phase, 'join' | 'leave']> = [
  ['start', 'join'],
  ['start', 'leave'],
  ['middle', 'join'],
  ['middle', 'leave']
]

t.test('three replicas', async t => {
  if (!needs(t, 'memcached') || !(await mayCutNetworks(t))) return
  const network = await createNetwork(t)
  const stage = await startStage(t, 3, { network })
  const [first, , third] = stage.cluster.nodes as [TestNode, TestNode, TestNode]
  for (const [phase, kind] of inRounds(CASES)) {
    await t.test(`${phase}, ${kind}`, async t => {
      const change = await stage.strike(
        phase,
        async ({ answer }) => {
          await network.cut(first.address, third.address)
          t.match(await answer, { status: 200, text: 'OK' }, 'the change ends in spite of the cut')
          await network.heal(first.address, third.address)
        },
        kind
      )
      await stage.settled(t, change)
    })
  }
  await stage.finish(t)
})

t.test('one replica', async t => {
  if (!needs(t, 'memcached') || !(await mayCutNetworks(t))) return
  const network = await createNetwork(t)
  const stage = await startStage(t, 1, { network, pairs: LONG_CHANGE_PAIRS })
  // What the fourth node has lies with the first when it is not there.
  const [first, , , fourth] = stage.cluster.nodes as [TestNode, TestNode, TestNode, TestNode]
  for (const [phase, kind] of inRounds(CASES)) {
    await t.test(`${phase}, ${kind}`, async t => {
      const change = await stage.strike(
        phase,
        async ({ asked, before }) => {
          await network.cut(first.address, fourth.address)
          const told = await untilTold(asked, before, new RegExp((kind === 'join' ? first : fourth).address))
          await network.heal(first.address, fourth.address)
          return told
        },
        kind
      )
      t.match(await change.answer, { status: 200, text: 'OK' }, 'the change goes on')
      await stage.settled(t, change)
    })
  }
  await stage.finish(t)
})
