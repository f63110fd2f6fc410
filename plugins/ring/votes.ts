// This node's votes on the next ring: one voter per node, beside the keeper, since two that do not know of each other could decide
// on two rings. An answer leaves only when what it says is on the disk.

import { KvError } from '../../src/errors.ts'
import { type StateFile } from './file.ts'
import { vote, type VoteAnswer, type VoteRequest, type Votes } from '../../src/core/voter.ts'

export interface VotesKeeper {
  /** Reads what was persisted. Throws `KV_ERR_CONFIG`. */
  start (): Promise<void>
  /** The operator has begun a ring here that nobody has voted on. Throws `KV_ERR_INSTALL` when the votes cannot be written. */
  begin (): Promise<void>
  /** Answers a request on the successor of the node's present ring; one at a time. Throws `KV_ERR_INSTALL` when the votes cannot be written. */
  answer (request: VoteRequest): Promise<VoteAnswer>
}

export function createVotes (file: StateFile<Votes>, drawLife: () => number): VotesKeeper {
  // Without votes of before, there may have been some.
  let votes: Votes = { life: drawLife(), forgetful: true }

  async function keep (next: Votes): Promise<void> {
    try {
      await file.write(next)
    } catch (error) {
      throw new KvError('KV_ERR_INSTALL', `the votes of this node cannot be written: ${(error as Error).message}`)
    }
    votes = next
  }

  return {
    async start () { votes = await file.read() ?? votes },
    begin: () => keep({ life: votes.life, forgetful: false }),
    async answer (request) {
      const { votes: next, answer } = vote(votes, request)
      if (next !== votes) await keep(next)
      return answer
    }
  }
}
