// Each fault that is planted here breaks the promise in a way that takes an unlucky order of messages. The
// simulation and its checker find every one of them, so their silence about the production code means
// something.

import t from 'tap'
import { MISS, STORED, type Replicas } from '../../src/core/ports.ts'
import { createOptimisticCoordinator } from '../support/simulation/optimistic-coordinator.ts'
import { keepUntilMs, type PairRecord } from '../../src/core/pairs/record.ts'
import { compareVersions } from '../../src/core/pairs/version.ts'
import { simulate, type Planted, type Shelf } from '../support/simulation/simulation.ts'

/** More seeds than any of the faults should need; each shows in one or more of a hundred. */
const ENOUGH = 1_000

async function firstSeedThatFinds(planted: Planted): Promise<number | undefined> {
  for (let seed = 1; seed <= ENOUGH; seed++) {
    if ((await simulate(seed, planted)).history.violations().length > 0) return seed
  }
  return undefined
}

/** A replica that overwrites whatever it has. */
function overwriting(): Shelf {
  const pairs = new Map<string, PairRecord>()
  return {
    async get(_slot, key) {
      const record = pairs.get(key)
      return record === undefined ? MISS : { kind: 'found', record }
    },
    async merge(_slot, key, record) {
      pairs.set(key, record)
      return STORED
    }
  }
}

/** A replica that says `stored` of what it would forget at once. */
const forgetting = (shelf: Shelf, wallMs: () => number): Shelf => ({
  get: (...pair) => shelf.get(...pair),
  merge: async (...merge) => (keepUntilMs(merge[2]) <= wallMs() ? STORED : shelf.merge(...merge))
})

/** A replica to which a value and its end are the same, as they have one version. */
const withoutEnds = (shelf: Shelf): Shelf => ({
  get: (...pair) => shelf.get(...pair),
  async merge(slot, key, record) {
    const found = await shelf.get(slot, key)
    return found.kind === 'found' && compareVersions(found.record.version, record.version) === 0
      ? STORED
      : shelf.merge(slot, key, record)
  }
})

const withoutWriteBack = (port: Replicas): Replicas => ({ get: port.get, merge: async () => STORED })

const withoutSurvey = (port: Replicas): Replicas => ({ get: async () => MISS, merge: port.merge })

const faults: { [what: string]: Planted } = {
  'a replica overwrites whatever it has': { shelf: overwriting },
  'a replica says that it has stored what it forgets': { shelf: forgetting },
  'the end of a value is not stored': { shelf: withoutEnds },
  'a read takes an acknowledged write for one that found no room': {
    plan: plan => ({ ...plan, kept: plan.kept + 1 })
  },
  'a read answers without writing back': { readPort: withoutWriteBack },
  'a write does not ask for the versions that there are': { writePort: withoutSurvey },
  // With three replicas, as seed 773 has it: X@1 reaches A; a reader finds it there, writes it back to B and
  // answers X. Y@2 is stored at A, B and C and acknowledged. Only now X@1 itself comes to B and C, which
  // answer that it is stale. Two of three are enough to hide it from every later read, but it has been seen
  // already; stamped X@3, it follows Y.
  'a write that comes too late is stamped again': { coordinator: createOptimisticCoordinator }
}

for (const [what, planted] of Object.entries(faults)) {
  t.test(what, { timeout: 0 }, async t => {
    const seed = await firstSeedThatFinds(planted)
    t.type(seed, 'number', `found with seed ${seed}`)
  })
}
