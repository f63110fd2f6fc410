// A simulation in which the ring hardly changes proves nothing: all ways to change it come off, pairs move
// and are purged, operations meet older and newer rings, and nodes lose what they hold and get it back, in
// enough of the runs.

import t from 'tap'
import { simulateRing, type RingRun } from '../support/simulation/ring-simulation.ts'

const RUNS = 400

t.test('enough runs have what makes them hard', { timeout: 0 }, async t => {
  const runs: RingRun[] = []
  for (let seed = 1; seed <= RUNS; seed++) runs.push(await simulateRing(seed))
  const share = (has: (run: RingRun) => boolean) => runs.filter(has).length / RUNS
  const least: { [what: string]: number } = {
    add: 0.3,
    remove: 0.2,
    'remove-token': 0.1,
    aborts: 0.04,
    forced: 0.002,
    'joint rings in force': 0.35,
    'pieces copied': 0.45,
    fenced: 0.4,
    crashes: 0.2,
    'workers killed': 0.06,
    'memory losses': 0.03,
    'total losses': 0.03,
    seeded: 0.1,
    betrayed: 0.02,
    'pushed out': 0.01,
    'there and back': 0.02,
    'emptied after a lost answer': 0.01,
    days: 0.04,
    'looks for hours': 0.01,
    'expiring values': 0.1,
    deaths: 0.002,
    'replicas 1': 0.1,
    'replicas 2': 0.05,
    'replicas 3': 0.4,
    'replicas 5': 0.05
  }
  const shares = Object.fromEntries(
    Object.keys(least).map(what => [what, share(({ counts }) => (counts[what] ?? 0) > 0)])
  )
  t.comment(JSON.stringify(shares))
  for (const [what, expected] of Object.entries(least)) {
    t.ok((shares[what] ?? 0) >= expected, `${what}: ${shares[what]}`)
  }
  t.ok(share(({ rings }) => rings.length > 3) > 0.3, 'several rings')
  t.ok(share(({ history }) => history.tally().ok > 30) > 0.8, 'acknowledged')
  t.ok(share(({ history }) => history.tally().unknown > 0) > 0.2, 'unknown')
})
