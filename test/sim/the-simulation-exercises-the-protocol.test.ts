// A simulation in which nothing goes wrong proves nothing: most runs have operations that overlap, late and
// stale messages, deadlines and write-backs, and enough of them have everything else that the faults can do.

import t from 'tap'
import { simulate, type Run } from '../support/simulation/simulation.ts'

const RUNS = 100

t.test('most runs have what makes them hard', async t => {
  const runs: Run[] = []
  for (let seed = 1; seed <= RUNS; seed++) runs.push(await simulate(seed))
  const share = (has: (run: Run) => boolean) => runs.filter(has).length / RUNS
  const shares = {
    overlapping: share(({ counts }) => counts.overlapping > 10),
    stale: share(({ counts }) => counts.stale > 0),
    writeBacks: share(({ counts }) => counts.writeBacks > 0),
    timeouts: share(({ counts }) => counts.timeouts > 0),
    lost: share(({ counts }) => counts.lost > 0),
    repeated: share(({ counts }) => counts.repeated > 0),
    fenced: share(({ counts }) => counts.fenced > 0),
    twoSets: share(({ counts }) => counts.twoSets),
    full: share(({ counts }) => counts.full > 0),
    expiring: share(({ counts }) => counts.expiring > 0),
    hoursApart: share(({ counts }) => counts.hoursApart),
    unknown: share(({ history }) => history.tally().unknown > 0),
    acknowledged: share(({ history }) => history.tally().ok > 20)
  }
  t.comment(JSON.stringify(shares))
  for (const name of ['overlapping', 'stale', 'writeBacks', 'timeouts', 'lost', 'acknowledged'] as const) {
    t.ok(shares[name] > 0.5, name)
  }
  for (const name of ['full', 'expiring', 'hoursApart'] as const) t.ok(shares[name] > 0.1, name)
  for (const name of ['unknown', 'repeated', 'fenced', 'twoSets'] as const) t.ok(shares[name] > 0.2, name)
  for (const replicas of [1, 2, 3, 4, 5]) {
    t.ok(share(({ counts }) => counts.replicas === replicas) > 0.05, `${replicas} replicas`)
  }
})
