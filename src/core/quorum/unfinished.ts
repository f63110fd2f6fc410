// What a read may still answer when the newest record that it found can be given to no quorum, as the
// storages that lack it are full.

import { type Plan } from '../ring/placement.ts'
import { type Fenced, type GetResult } from '../ports.ts'
import { compareRecords, type PairRecord } from '../pairs/record.ts'

/**
 * The newest record of the answers that may have been acknowledged, or answered by a read, before the
 * replicas were asked; undefined: none may. To be asked of answers among which every set has its read quorum.
 *
 * Whatever was acknowledged, `plan.kept` members of the first set hold it or something newer, and what a read
 * has answered was at a quorum before it did. A record that cannot be at so many, even if each member that
 * gave no answer has it, belongs to a write that is under way or was given up, and nobody has seen it: a read
 * that goes past it comes before that write, which may take effect at any later time.
 */
export function notRuledOut(
  plan: Plan,
  answers: ReadonlyArray<GetResult | Fenced | undefined>
): PairRecord | undefined {
  const members = (plan.sets[0]?.members ?? []).map(member => answers[member])
  const mayHave = (record: PairRecord) =>
    members.filter(answer =>
      answer?.kind === 'found' ? compareRecords(answer.record, record) >= 0 : answer?.kind !== 'miss'
    ).length
  let newest: PairRecord | undefined
  for (const answer of answers) {
    if (answer?.kind !== 'found' || mayHave(answer.record) < plan.kept) continue
    if (newest === undefined || compareRecords(answer.record, newest) > 0) newest = answer.record
  }
  return newest
}
