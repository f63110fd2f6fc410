// The node that took the request for a change is killed at the start, in the middle and at the end of it.
// Nobody owns a change, so it goes on without that node, or when it is back if it is itself to receive pairs.

import t from 'tap'
import { FAULTS_MS, inRounds, PHASES, startStage } from '../support/cluster/ring-faults.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(FAULTS_MS)

for (const replicas of [1, 3]) {
  t.test(`${replicas} replica(s)`, async t => {
    if (!needs(t, 'memcached')) return
    const stage = await startStage(t, replicas)
    for (const phase of inRounds(PHASES)) {
      await t.test(phase, async t => {
        const change = await stage.strike(phase, async ({ asked, answer }) => {
          await asked.kill()
          const { status } = await answer
          await asked.start()
          return status === 0
        })
        await stage.settled(t, change)
      })
    }
    await stage.finish(t)
  })
}
