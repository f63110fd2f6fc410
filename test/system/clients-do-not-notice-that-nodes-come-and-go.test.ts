// One round of the soak: nodes are removed and added again under checked load through HAProxy. No request
// fails, no answer contradicts another, and every pair is there through every node.

import t from 'tap'
import { needs } from '../support/cluster/programs.ts'
import { soak } from '../support/cluster/soak.ts'

t.setTimeout(900_000)

const PAIRS = 4_000
const SEED = Number(process.env.SYSTEM_SEED ?? 1)

for (const replicas of [1, 3]) {
  t.test(`${replicas} replica(s)`, async t => {
    if (!needs(t, 'memcached', 'haproxy')) return
    const result = await soak(t, {
      seed: SEED,
      replicas,
      bulk: { pairs: PAIRS, valueBytes: 100 },
      goOn: changes => changes < 2,
      tell: line => t.comment(line)
    })
    t.comment(
      `seed ${SEED}: ${result.requests} requests, ${result.changes} changes, longest pause ` +
        `${Math.round(result.longestPauseMs)} ms`
    )
    t.ok(result.requests > 0)
    t.same(result.failures, [])
    t.same(result.violations, [])
    t.same(result.scarce.slice(0, 5), [])
    t.same(result.splits, [], 'each number is one ring, whichever process has it')
    t.ok(result.rings > result.changes)
    t.same(result.intact, [PAIRS, PAIRS, PAIRS, PAIRS])
  })
}
