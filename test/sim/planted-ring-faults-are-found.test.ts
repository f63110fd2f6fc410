// Each fault that is planted here breaks the promise while the ring changes, in an unlucky order of events.
// The simulation finds every one of them within 300 seeds, so its silence about the production code means
// something.

import t from 'tap'
import { PLANTED } from '../support/simulation/planted-ring-faults.ts'
import { simulateRing } from '../support/simulation/ring-simulation.ts'

/** No fault may need more seeds. */
const ENOUGH = 300

/**
 * The first seed that finds each fault, counted from 1. The search begins a little before it, only to save
 * time.
 */
const FIRST: { readonly [what: string]: number } = {
  'no drain on install': 61,
  'purge before stable': 1,
  'copying with overwrite instead of merge': 5,
  'a read without write-back': 34,
  'a stale write stamped again too early': 34,
  'a receiver that copies from one source only': 1,
  'a vote not persisted': 32,
  'a stale epoch accepted': 61,
  'tombstones not copied': 12,
  'a copy that goes on under another ring': 18,
  'a seeded node that takes itself for new': 178,
  'a merge past its time that is answered stored': 47,
  'a lost answer to the writing of the sentinel': 192,
  'a value that is found expired and not ended': 106,
  'a change back that goes unnoticed': 94,
  'a look that outlasts the trust': 15
}

const HEAD_START = 5

/** What is left over is a fault of copying alone; all others must do worse. */
async function violationOf(what: string, seed: number): Promise<string | undefined> {
  const { violations } = await simulateRing(seed, PLANTED[what])
  return violations.find(
    violation => what === 'a copy that goes on under another ring' || !violation.includes('has not purged')
  )
}

function* seedsFrom(first: number): Generator<number> {
  for (let i = 0; i < ENOUGH; i++) yield ((Math.max(1, first - HEAD_START) + i - 1) % ENOUGH) + 1
}

for (const what of Object.keys(PLANTED)) {
  t.test(what, { timeout: 0 }, async t => {
    for (const seed of seedsFrom(FIRST[what] ?? 1)) {
      const violation = await violationOf(what, seed)
      if (violation === undefined) continue
      t.same((await simulateRing(seed)).violations, [], 'without the fault there is nothing to find')
      t.pass(`found with seed ${seed}: ${violation.split('\n')[0]}`)
      return
    }
    t.fail(`not found within ${ENOUGH} seeds`)
  })
}
