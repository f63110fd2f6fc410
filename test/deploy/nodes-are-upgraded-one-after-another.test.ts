// One node after the other is stopped and started from another folder, as an upgrade does it, while clients
// go on through the balancer: none of them is refused, and none is told anything wrong.

import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { brokenBulk, type BulkOptions } from '../support/cluster/bulk.ts'
import { fileOfProject } from '../support/cluster/ending.ts'
import {
  BALANCER,
  mayHaveLab,
  NODES,
  startLab,
  THREE_MEMBERS,
  untilInOrder,
  writePairs
} from '../support/cluster/lab.ts'
import { startLoad } from '../support/cluster/load.ts'

t.setTimeout(900_000)

const BULK: BulkOptions = { pairs: 300, valueBytes: 100 }

t.test('three nodes under load', async t => {
  if (!(await mayHaveLab(t))) return
  const lab = await startLab(t)
  const release = mkdtempSync(join(tmpdir(), 'ringkeep-release-'))
  t.teardown(() => rmSync(release, { recursive: true, force: true }))
  for (const part of ['dist', 'package.json']) {
    cpSync(fileOfProject(part), join(release, part), { recursive: true })
  }
  symlinkSync(fileOfProject('node_modules'), join(release, 'node_modules'))

  t.match(await lab.reconfigure(THREE_MEMBERS), { code: 0 })
  await writePairs(BULK)
  const before = await untilInOrder()
  const load = startLoad([BALANCER], { seed: 1, bulk: BULK, tell: line => t.comment(line) })
  for (const host of ['n1', 'n2', 'n3']) {
    await lab.command('restart', host, release)
    t.same(await untilInOrder(), before, `${host} is back`)
  }
  const result = await load.end()
  t.comment(`${result.requests} requests, longest pause ${Math.round(result.longestPauseMs)} ms`)
  t.ok(result.requests > 0)
  t.same(result.failures, [])
  t.same(result.violations, [])
  for (const node of NODES) {
    t.same(await brokenBulk(`http://${node}`, BULK), [], `every pair comes back through ${node}`)
  }
})
