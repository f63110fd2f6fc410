// The Memcached of a source is killed at the start, in the middle and at the end of a change of the ring, and
// comes back empty. The receivers take nothing from it for the whole until it has recovered from the other
// replicas, and nothing is lost.

import t from 'tap'
import { type TestNode } from '../support/cluster/cluster.ts'
import { type TestMemcached } from '../support/cluster/memcached.ts'
import { FAULTS_MS, inRounds, PHASES, startStage } from '../support/cluster/ring-faults.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(FAULTS_MS)

t.test('three replicas', async t => {
  if (!needs(t, 'memcached')) return
  const stage = await startStage(t, 3)
  for (const phase of inRounds(PHASES)) {
    await t.test(phase, async t => {
      const change = await stage.strike(phase, async ({ sources }) => {
        const memcached = (sources[0] as TestNode).memcached as TestMemcached
        await memcached.restart()
      })
      t.match(await change.answer, { status: 200, text: 'OK' }, 'the change goes on')
      await stage.settled(t, change)
    })
  }
  await stage.finish(t)
})
