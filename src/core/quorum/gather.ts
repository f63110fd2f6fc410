// Asking all replicas of a key at once, and what their answers amount to.

import { type Plan, type ReplicaSet } from '../ring/placement.ts'
import { type Fenced, type GetResult, type MergeResult } from '../ports.ts'
import { compareRecords, type PairRecord } from '../pairs/record.ts'

export type Answers<A> = ReadonlyArray<A | undefined>

export type GetAnswer = GetResult | Fenced

export type MergeAnswer = MergeResult | Fenced

export type Send<A> = (node: string, index: number, insist: boolean) => A | Promise<A>

/**
 * Asks every node of the plan at once. Settles as soon as `decides` says that the answers so far suffice, or
 * when all are in; answers that come later change nothing. Where all do not suffice, those that were
 * unreachable are asked once more, and insistently: one that has just come back may be all that is missing.
 */
export function gather<A extends GetAnswer | MergeAnswer>(
  plan: Plan,
  send: Send<A>,
  decides: (answers: Answers<A>) => boolean
) {
  return new Promise<{ decided: boolean; answers: Answers<A> }>((resolve, reject) => {
    const answers = new Array<A | undefined>(plan.nodes.length)
    let waiting = plan.nodes.length
    let insist = false
    let settled = false
    const take = (answer: A, index: number) => {
      if (settled) return
      answers[index] = answer
      waiting--
      const decided = decides(answers)
      if (!decided && waiting > 0) return
      if (!decided && !insist && answers.some(isUnreachable)) return askAgain()
      settled = true
      resolve({ decided, answers })
    }
    const ask = (node: string, index: number) => {
      const answer = send(node, index, insist)
      if (answer instanceof Promise) answer.then(value => take(value, index), reject)
      else take(answer, index)
    }
    const askAgain = () => {
      const unreachable = answers.map(isUnreachable)
      insist = true
      waiting = unreachable.filter(Boolean).length
      plan.nodes.forEach((node, index) => {
        if (unreachable[index]) ask(node, index)
      })
    }
    plan.nodes.forEach(ask)
  })
}

/** True if in every set enough of the answers count. */
export function everySet<A>(
  plan: Plan,
  answers: Answers<A>,
  counts: (answer: A) => boolean,
  needed: (set: ReplicaSet) => number
): boolean {
  return plan.sets.every(set => {
    let count = 0
    for (const member of set.members) {
      const answer = answers[member]
      if (answer !== undefined && counts(answer)) count++
    }
    return count >= needed(set)
  })
}

export const replied = (answer: GetAnswer) => answer.kind === 'found' || answer.kind === 'miss'

export const isStored = (answer: MergeAnswer) => answer.kind === 'stored'

export const isStoredOrStale = (answer: MergeAnswer) => answer.kind === 'stored' || answer.kind === 'stale'

const isUnreachable = (answer: GetAnswer | MergeAnswer | undefined) =>
  answer?.kind === 'failed' && answer.reason === 'unreachable'

export const isFull = (answer: MergeAnswer | undefined) =>
  answer?.kind === 'failed' && answer.reason === 'full'

export const isFenced = (answer: GetAnswer | MergeAnswer | undefined) => answer?.kind === 'fenced'

export const mayHaveStored = (answer: MergeAnswer | undefined) =>
  answer !== undefined &&
  (answer.kind === 'stored' ||
    (answer.kind === 'failed' && (answer.reason === 'timeout' || answer.reason === 'recovering')))

export function newestOf(answers: Answers<GetAnswer>): PairRecord | undefined {
  let newest: PairRecord | undefined
  for (const answer of answers) {
    if (answer?.kind === 'found' && (newest === undefined || compareRecords(answer.record, newest) > 0)) {
      newest = answer.record
    }
  }
  return newest
}

/** True if every replica that answered holds this very record. */
export function agree(answers: Answers<GetAnswer>, record: PairRecord): boolean {
  return answers.every(answer => {
    if (answer?.kind === 'found') return compareRecords(answer.record, record) === 0
    return answer?.kind !== 'miss'
  })
}
