// This node's votes on the next ring: one voter per node, beside the keeper, since two that do not know of
// each other could decide on two rings. An answer leaves only when what it says is on the disk.

import { KvError } from '../errors.ts'
import { type StateFile } from './state-file.ts'
import { vote, type VoteAnswer, type VoteRequest, type Votes } from '../core/consensus/voter.ts'

export interface VotesKeeper {
  /** Reads what was persisted. Throws `KV_ERR_CONFIG`. */
  start(): Promise<void>
  /**
   * A ring of this generation begins that nobody has voted on. Throws `KV_ERR_INSTALL` when the votes cannot
   * be written.
   */
  begin(generation: number): Promise<void>
  /**
   * True if this node may have voted on what comes after a ring of the generation, or of a later one, as far
   * as it remembers.
   */
  mayHaveVoted(generation: number): boolean
  /**
   * Answers a request on the successor of the node's present ring; one at a time. Throws `KV_ERR_INSTALL`
   * when the votes cannot be written.
   */
  answer(request: VoteRequest): Promise<VoteAnswer>
}

export function createVotes(file: StateFile<Votes>, drawLife: () => number): VotesKeeper {
  // Without votes of before, there may have been some.
  let votes: Votes = { life: drawLife(), forgetful: true }

  async function keep(next: Votes): Promise<void> {
    try {
      await file.write(next)
    } catch (error) {
      throw new KvError(
        'KV_ERR_INSTALL',
        `the votes of this node cannot be written: ${(error as Error).message}`
      )
    }
    votes = next
  }

  const mayHaveVoted = (generation: number) =>
    votes.after !== undefined && votes.after.generation >= generation

  return {
    async start() {
      votes = (await file.read()) ?? votes
    },
    async begin(generation) {
      if (!mayHaveVoted(generation)) await keep({ life: votes.life, forgetful: false })
    },
    mayHaveVoted,
    async answer(request) {
      const { votes: next, answer } = vote(votes, request)
      if (next !== votes) await keep(next)
      return answer
    }
  }
}
