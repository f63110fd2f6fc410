// Each fault that is planted here breaks the promise in a way that takes an unlucky order of messages. The simulation
// and its checker find every one of them, so their silence about the production code means something.

import t from 'tap'
import { MISS, STORED, type Replicas } from '../../src/core/ports.ts'
import { createOptimisticCoordinator } from '../support/optimistic-coordinator.ts'
import { type Merge } from '../support/simulated-network.ts'
import { simulate, type Planted } from '../support/simulation.ts'

/** More seeds than any of the faults should need; each shows in one or more of a hundred. */
const ENOUGH = 1_000

async function firstSeedThatFinds (planted: Planted): Promise<number | undefined> {
  for (let seed = 1; seed <= ENOUGH; seed++) {
    if ((await simulate(seed, planted)).history.violations().length > 0) return seed
  }
  return undefined
}

const overwrite: Merge = (pairs, key, record) => {
  pairs.set(key, record)
  return STORED
}

const withoutWriteBack = (port: Replicas): Replicas => ({ get: port.get, merge: async () => STORED })

const withoutSurvey = (port: Replicas): Replicas => ({ get: async () => MISS, merge: port.merge })

const faults: { [what: string]: Planted } = {
  'a replica overwrites whatever it has': { merge: overwrite },
  'a read answers without writing back': { readPort: withoutWriteBack },
  'a write does not ask for the versions that there are': { writePort: withoutSurvey },
  // With three replicas, as seed 773 has it: X@1 reaches A; a reader finds it there, writes it back to B and answers X.
  // Y@2 is stored at A, B and C and acknowledged. Only now X@1 itself comes to B and C, which answer that it is stale. Two of
  // three are enough to hide it from every later read, but it has been seen already; stamped X@3, it follows Y.
  'a write that comes too late is stamped again': { coordinator: createOptimisticCoordinator }
}

for (const [what, planted] of Object.entries(faults)) {
  t.test(what, { timeout: 0 }, async (t) => {
    const seed = await firstSeedThatFinds(planted)
    t.type(seed, 'number', `found with seed ${seed}`)
  })
}
