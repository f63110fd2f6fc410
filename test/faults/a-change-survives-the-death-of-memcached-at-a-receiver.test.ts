// The Memcached of a receiver is killed at the start, in the middle and at the end of a change of the ring,
// and comes back empty. What it had received is fetched again; with one replica that is a node that joins,
// which had nothing else.

import t from 'tap'
import { type TestNode } from '../support/cluster/cluster.ts'
import { type TestMemcached } from '../support/cluster/memcached.ts'
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
        const change = await stage.strike(
          phase,
          async ({ pending, asked, before }) => {
            const memcached = (pending[0] as TestNode).memcached as TestMemcached
            await memcached.kill()
            const told = await untilTold(asked, before, /./)
            await memcached.restart()
            return told
          },
          replicas === 1 ? 'join' : undefined
        )
        t.match(await change.answer, { status: 200, text: 'OK' }, 'the change goes on')
        await stage.settled(t, change)
      })
    }
    await stage.finish(t)
  })
}
