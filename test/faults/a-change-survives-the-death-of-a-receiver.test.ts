// A receiver is killed at the start, in the middle and at the end of a change of the ring. The operator sees
// that the change waits for it; when it is back, the change goes on by itself and ends.

import t from 'tap'
import { type TestNode } from '../support/cluster/cluster.ts'
import { FAULTS_MS, inRounds, PHASES, startStage } from '../support/cluster/ring-faults.ts'
import { untilTold } from '../support/cluster/ring-requests.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(FAULTS_MS)

for (const replicas of [1, 3]) {
  t.test(`${replicas} replica(s)`, async t => {
    if (!needs(t, 'memcached')) return
    const stage = await startStage(t, replicas)
    for (const phase of inRounds(PHASES)) {
      await t.test(phase, async t => {
        const change = await stage.strike(phase, async ({ pending, asked, before }) => {
          const victim = pending.find(node => node !== asked) as TestNode
          await victim.kill()
          const told = await untilTold(asked, before, new RegExp(`${victim.address} does not answer`))
          await victim.start()
          return told
        })
        t.match(await change.answer, { status: 200, text: 'OK' }, 'the change goes on')
        await stage.settled(t, change)
      })
    }
    await stage.finish(t)
  })
}
