// The link of one of three nodes is cut for ten seconds under load, without a word to anybody, and healed.
// Reads that it was just asked for are answered by another; of the writes that it was just sent nobody knows
// whether they were done, so they wait for it, or until somebody gives up. HAProxy turns to the others, they
// go on without it, no answer is wrong, and afterwards everything is as before.

import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { brokenBulk, type BulkOptions } from '../support/cluster/bulk.ts'
import {
  BALANCER,
  mayHaveLab,
  NODES,
  startLab,
  THREE_MEMBERS,
  untilInOrder,
  writePairs
} from '../support/cluster/lab.ts'
import { startLoad, WRITERS } from '../support/cluster/load.ts'

t.setTimeout(900_000)

const BULK: BulkOptions = { pairs: 300, valueBytes: 100 }
const CUT_MS = 10_000

t.test('one of three', async t => {
  if (!(await mayHaveLab(t))) return
  const lab = await startLab(t)
  t.match(await lab.reconfigure(THREE_MEMBERS), { code: 0 })
  await writePairs(BULK)
  const before = await untilInOrder()
  const load = startLoad([BALANCER], { seed: 1, bulk: BULK, tell: line => t.comment(line) })
  await pause(1_000)
  await lab.command('cut', 'n2')
  await pause(CUT_MS)
  await lab.command('heal', 'n2')
  t.same(await untilInOrder(), before)
  const result = await load.end()
  t.comment(
    `${result.requests} requests, longest pause ${Math.round(result.longestPauseMs)} ms, ` +
      `${result.failures.length} failures`
  )
  t.same(result.violations, [])
  t.same(
    result.failures.filter(failure => !/: (write|delete|PUT .*|DELETE .*): /.test(failure)),
    [],
    'only writes fail'
  )
  t.ok(result.failures.length <= WRITERS, 'and only those that were under way, one of each client')
  for (const node of NODES) {
    t.same(await brokenBulk(`http://${node}`, BULK), [], `every pair comes back through ${node}`)
  }
})
