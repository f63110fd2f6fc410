// A coordinator that writes in one round where it can: it stamps a version without asking anyone first, and
// where so many replicas hold a newer one that no read quorum goes past them, it stamps again and resends. It
// is wrong, and kept to show that the simulation notices: a reader may have met the first stamp on a single
// replica and have written it back, so that others see X, then Y, then the X that was stamped again.

import { KvError } from '../../../src/errors.ts'
import {
  createCoordinator,
  type Coordinator,
  type CoordinatorPorts
} from '../../../src/core/quorum/coordinator.ts'
import { type Plan } from '../../../src/core/ring/placement.ts'
import { type Fenced, type MergeResult } from '../../../src/core/ports.ts'
import { type PairRecord } from '../../../src/core/pairs/record.ts'

const ROUNDS = 8

type Answers = ReadonlyArray<MergeResult | Fenced | undefined>

export function createOptimisticCoordinator(ports: CoordinatorPorts): Coordinator {
  const { plans, replicas, clock } = ports

  /**
   * Settles when a quorum of every set has stored it, when it is known to be hidden, or when all have
   * answered.
   */
  function send(plan: Plan, slot: number, key: string, record: PairRecord): Promise<Answers> {
    const answers = new Array<MergeResult | Fenced | undefined>(plan.nodes.length)
    let waiting = plan.nodes.length
    return new Promise((resolve, reject) =>
      plan.nodes.forEach((node, index) => {
        replicas
          .merge(node, plan.ring, slot, key, record, false)
          .then(answer => {
            answers[index] = answer
            if (--waiting === 0 || isStored(plan, answers) || isHidden(plan, answers)) resolve([...answers])
          })
          .catch(reject)
      })
    )
  }

  return {
    read: createCoordinator(ports).read,
    async write(slot, key, stamp) {
      for (let round = 0; round < ROUNDS; round++) {
        const plan = plans.plan(slot)
        const version = clock.next()
        const answers = await send(plan, slot, key, stamp(version))
        if (isStored(plan, answers)) return { plan, version }
        if (!isHidden(plan, answers)) break
        for (const answer of answers) if (answer?.kind === 'stale') clock.observe(answer.version)
      }
      throw new KvError('KV_ERR_QUORUM', 'outcome unknown')
    }
  }
}

const count = (members: readonly number[], answers: Answers, kind: 'stored' | 'stale') =>
  members.filter(member => answers[member]?.kind === kind).length

const isStored = (plan: Plan, answers: Answers) =>
  plan.sets.every(({ members, write }) => count(members, answers, 'stored') >= write)

/** True if in some set every read quorum meets a replica that refused the record as stale. */
const isHidden = (plan: Plan, answers: Answers) =>
  plan.sets.some(({ members, read }) => count(members, answers, 'stale') >= members.length - read + 1)
