// A run with a changing ring can be had again from its seed alone: the same rings, the same answers at the
// same times; other seeds give other runs.

import t from 'tap'
import { simulateRing } from '../support/simulation/ring-simulation.ts'

async function fingerprint(seed: number): Promise<string> {
  const { history, counts, rings, violations } = await simulateRing(seed)
  return JSON.stringify([
    history.keys().map(key => history.operations(key)),
    history.tally(),
    counts,
    rings,
    violations
  ])
}

t.test('twice the same', async t => {
  const runs = new Set<string>()
  for (let seed = 1; seed <= 20; seed++) {
    const run = await fingerprint(seed)
    t.equal(await fingerprint(seed), run, `seed ${seed}`)
    runs.add(run)
  }
  t.equal(runs.size, 20)
})
