// The coordinator of one request: quorum reads and writes over a list of replica sets. It is the multi-writer
// register of Attiya, Bar-Noy and Dolev ("Sharing memory robustly in message-passing systems", 1995) as Lynch
// and Shvartsman extended it (1997), so each key is linearizable without a leader:
//
//   write  ask a quorum of every set for its version, stamp a newer one, merge it into a quorum of every set
//   read   take the newest record of a quorum of every set; write it back to a quorum if the answers differ
//
// A value whose time is over is ended by the read that finds it so: the answer "absent" is written back too,
// as a tombstone of the same version. So no later read finds the value, at whichever node and by whichever
// clock.
//
// A stamped version is newer than every write that was answered before this one began. So a replica that is
// found to hold a newer one ("stale") has met a concurrent write, which may as well have come right after: it
// counts as done.

import { KvError } from '../../errors.ts'
import { COORDINATOR_ROUNDS, EXPIRY_MARGIN_MS } from '../../limits.ts'
import { withQuorums, type Plan } from '../ring/placement.ts'
import { STORED, type Failed, type Plans, type Replicas } from '../ports.ts'
import { compareRecords, endedRecord, isOver, type PairRecord } from '../pairs/record.ts'
import { notRuledOut } from './unfinished.ts'
import { type Clock, type Version } from '../pairs/version.ts'
import {
  type Answers,
  type GetAnswer,
  type MergeAnswer,
  gather,
  everySet,
  replied,
  isStored,
  isStoredOrStale,
  isFull,
  isFenced,
  mayHaveStored,
  newestOf,
  agree
} from './gather.ts'

/** How many answers a request asks for in place of majorities. */
export interface Quorums {
  readonly read?: number
  readonly write?: number
}

export interface ReadOutcome {
  readonly plan: Plan
  /**
   * The newest record: a value that a client may see, whatever its own clock says, or a tombstone; undefined:
   * there is none.
   */
  readonly record: PairRecord | undefined
}

export interface WriteOutcome {
  readonly plan: Plan
  readonly version: Version
}

export interface Coordinator {
  /**
   * Throws `KV_ERR_QUORUM` (or what stands in its way: `KV_ERR_OVERLOADED`, `KV_ERR_RECOVERING`),
   * `KV_ERR_NO_RING`.
   */
  read(slot: number, key: string, quorums?: Quorums): Promise<ReadOutcome>
  /**
   * Writes the record that `stamp` makes of a version. Throws like `read`, and `KV_ERR_FULL`; where the
   * record may have reached some replica, the message says "outcome unknown".
   */
  write(
    slot: number,
    key: string,
    stamp: (version: Version) => PairRecord,
    quorums?: Quorums
  ): Promise<WriteOutcome>
}

export interface CoordinatorPorts {
  readonly plans: Plans
  readonly replicas: Replicas
  readonly clock: Clock
}

export function createCoordinator({ plans, replicas, clock }: CoordinatorPorts): Coordinator {
  const planFor = (slot: number, quorums?: Quorums) =>
    quorums === undefined ? plans.plan(slot) : withQuorums(plans.plan(slot), quorums.read, quorums.write)

  const ask = (plan: Plan, slot: number, key: string) =>
    gather<GetAnswer>(
      plan,
      (node, _, insist) => replicas.get(node, plan.ring, slot, key, insist),
      answers => everySet(plan, answers, replied, set => set.read)
    )

  async function read(slot: number, key: string, quorums?: Quorums): Promise<ReadOutcome> {
    for (let round = 0; round < COORDINATOR_ROUNDS; round++) {
      const plan = planFor(slot, quorums)
      const { decided, answers } = await ask(plan, slot, key)
      if (!decided) {
        if (answers.some(isFenced)) continue
        throw shortOf('read', answers, false)
      }
      const record = settled(newestOf(answers))
      if (record === undefined || agree(answers, record)) return { plan, record }
      const back = await writeBack(plan, slot, key, record, answers)
      if (back.decided) return { plan, record }
      if (back.answers.some(isFenced)) continue
      // With other quorums than majorities nothing can be said of what was acknowledged.
      if (quorums !== undefined || !back.answers.some(isFull)) throw shortOf('read', back.answers, false)
      const outcome = await readWithoutRoom(plan, slot, key)
      if (outcome !== undefined) return outcome
    }
    throw restless()
  }

  /** The record as a read answers it: one whose time is over as the tombstone that ends it. */
  function settled(record: PairRecord | undefined): PairRecord | undefined {
    return record !== undefined && record.expiresAtMs !== 0 && isOver(record, clock.wallMs())
      ? endedRecord(record)
      : record
  }

  /**
   * A read that could not write back what it found, as there is no room for it: the newest record that may
   * have been acknowledged. Undefined: the ring has changed.
   */
  async function readWithoutRoom(plan: Plan, slot: number, key: string): Promise<ReadOutcome | undefined> {
    const { answers } = await gather<GetAnswer>(
      plan,
      (node, _, insist) => replicas.get(node, plan.ring, slot, key, insist),
      () => false
    )
    if (answers.some(isFenced)) return undefined
    if (!everySet(plan, answers, replied, set => set.read)) throw shortOf('read', answers, false)
    const record = notRuledOut(plan, answers)
    if (record === undefined) return { plan, record }
    const back = await writeBack(plan, slot, key, record, answers)
    if (!back.decided) {
      if (back.answers.some(isFenced)) return undefined
      throw shortOf('read', back.answers, false)
    }
    const nowMs = clock.wallMs()
    if (!isOver(record, nowMs)) return { plan, record }
    // Nobody can be told that it is over. Soon nobody needs to be.
    if (nowMs < record.expiresAtMs + EXPIRY_MARGIN_MS) {
      throw new KvError(
        'KV_ERR_QUORUM',
        'the key has just expired, and the storage of too many replicas is too full to note it'
      )
    }
    return { plan, record: endedRecord(record) }
  }

  /**
   * Merges a record into the replicas that answered with less, until a quorum of every set holds it or a
   * newer one.
   */
  function writeBack(plan: Plan, slot: number, key: string, record: PairRecord, known: Answers<GetAnswer>) {
    const holds = (i: number) => {
      const answer = known[i]
      return answer?.kind === 'found' && compareRecords(answer.record, record) >= 0
    }
    return gather<MergeAnswer>(
      plan,
      (node, i, insist) => (holds(i) ? STORED : replicas.merge(node, plan.ring, slot, key, record, insist)),
      answers => everySet(plan, answers, isStoredOrStale, set => set.write)
    )
  }

  async function write(
    slot: number,
    key: string,
    stamp: (version: Version) => PairRecord,
    quorums?: Quorums
  ): Promise<WriteOutcome> {
    // Once a version may have been seen by a reader it is kept to the end: stamping the same value again
    // could let readers see X, Y, X.
    let version: Version | undefined
    // True once `version` is known to be newer than everything that was answered before this write began.
    let surveyed = false
    for (let round = 0; round < COORDINATOR_ROUNDS; round++) {
      const plan = planFor(slot, quorums)
      if (version === undefined && !surveyed && plan.nodes.length > 1) {
        const { decided, answers } = await ask(plan, slot, key)
        if (!decided) {
          if (answers.some(isFenced)) continue
          throw shortOf('write', answers, false)
        }
        for (const answer of answers) if (answer?.kind === 'found') clock.observe(answer.record.version)
        surveyed = true
      }
      const stamped: Version = version ?? clock.next()
      const record = stamp(stamped)
      const counts = surveyed ? isStoredOrStale : isStored
      const { decided, answers } = await gather<MergeAnswer>(
        plan,
        (node, _, insist) => replicas.merge(node, plan.ring, slot, key, record, insist),
        answers => everySet(plan, answers, counts, set => set.write)
      )
      if (decided) return { plan, version: stamped }
      if (answers.length === 1 && answers[0]?.kind === 'stale') {
        // The only replica refused it, so nobody has seen this version, and now it is known what the next one
        // must exceed.
        clock.observe(answers[0].version)
        surveyed = true
      } else if (answers.some(isFenced)) {
        if (!answers.every(isFenced)) version = stamped
      } else {
        // An earlier round may have stored it where this one did not get through.
        throw shortOf('write', answers, version !== undefined || answers.some(mayHaveStored))
      }
    }
    throw restless()
  }

  return { read, write }
}

/** What to tell a client whose request found no quorum: the reason that it can act upon, if there is one. */
function shortOf(
  what: 'read' | 'write',
  answers: Answers<GetAnswer | MergeAnswer>,
  mayBeDone: boolean
): KvError {
  const reasons = answers.map(answer => (answer?.kind === 'failed' ? (answer as Failed).reason : undefined))
  const told = reasons.map(reason => reason ?? 'answered').join(', ')
  const outcome = what === 'read' ? '' : mayBeDone ? '; outcome unknown' : '; nothing was written'
  if (reasons.includes('full') && what === 'read') {
    return new KvError(
      'KV_ERR_QUORUM',
      `whether the last write of this key was done is unknown: a replica is too full to finish it (${told})`
    )
  }
  if (reasons.includes('full')) {
    return new KvError(
      'KV_ERR_FULL',
      mayBeDone ? `the storage of too many replicas is full${outcome}` : undefined
    )
  }
  if (reasons.every(reason => reason === 'overloaded')) {
    return new KvError('KV_ERR_OVERLOADED', `too many requests are waiting${outcome}`)
  }
  return new KvError('KV_ERR_QUORUM', `too few replicas answered this ${what} (${told})${outcome}`)
}

function restless(): KvError {
  return new KvError('KV_ERR_QUORUM', 'the ring changed too often during this request; outcome unknown')
}
