// A source is killed at the start, in the middle and at the end of a change of the ring. With three replicas
// the others have what it had, and the change ends without it; with one, the operator sees that the change
// waits for it, and it ends when the source is back.

import t from 'tap'
import { type TestNode } from '../support/cluster/cluster.ts'
import { FAULTS_MS, inRounds, startStage, type Phase, type UnderWay } from '../support/cluster/ring-faults.ts'
import { untilTold } from '../support/cluster/ring-requests.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(FAULTS_MS)

/** A single receiver has no end in which others have received and it has not. */
const CASES: ReadonlyArray<readonly [Phase, 'join' | 'leave']> = [
  ['start', 'join'],
  ['start', 'leave'],
  ['middle', 'join'],
  ['middle', 'leave'],
  ['end', 'leave']
]

/** One that is no receiver, and not the node that was asked. */
function sourceOf({ sources, pending, asked }: UnderWay): TestNode {
  return sources.find(node => node !== asked && !pending.includes(node)) as TestNode
}

t.test('three replicas', async t => {
  if (!needs(t, 'memcached')) return
  const stage = await startStage(t, 3)
  for (const [phase, kind] of inRounds(CASES)) {
    await t.test(`${phase}, ${kind}`, async t => {
      const change = await stage.strike(
        phase,
        async change => {
          const victim = sourceOf(change)
          await victim.kill()
          t.match(await change.answer, { status: 200, text: 'OK' }, 'the change ends without it')
          await victim.start()
        },
        kind
      )
      await stage.settled(t, change)
    })
  }
  await stage.finish(t)
})

t.test('one replica', async t => {
  if (!needs(t, 'memcached')) return
  const stage = await startStage(t, 1)
  for (const phase of inRounds(['start', 'middle'] as const)) {
    await t.test(phase, async t => {
      const change = await stage.strike(
        phase,
        async ({ moving, asked, before }) => {
          await moving.kill()
          const told = await untilTold(asked, before, new RegExp(moving.address))
          await moving.start()
          return told
        },
        'leave'
      )
      t.match(await change.answer, { status: 200, text: 'OK' }, 'the change goes on')
      await stage.settled(t, change)
    })
  }
  await stage.finish(t)
})
