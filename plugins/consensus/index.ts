// The consensus on the ring, as this node takes part in it: proposals go to the voters over the channels
// between nodes, and to this node's own voter, which the keeper has. A proposer whose ring is decided
// installs it and tells the others.

import fp from 'fastify-plugin'
import { type FastifyInstance } from 'fastify'
import {
  answerToText,
  parseAnswer,
  parseRequest,
  requestToText,
  type VoteAnswer,
  type VoteRequest
} from '../../src/core/consensus/voter.ts'
import { pause, TIMERS } from '../../src/core/quorum/deadline.ts'
import { renewed } from '../../src/core/ring/change.ts'
import { createProposer, type Proposer } from '../../src/core/consensus/proposer.ts'
import { compareRings, nodesOf, type Ring } from '../../src/core/ring/ring.ts'
import { PEER_DEADLINE_MS, VOTE_BYTES } from '../../src/limits.ts'
import { type Keeper } from '../../src/keeper/keeper.ts'

export interface NodeConsensus extends Proposer {
  /**
   * Has the members agree on the same ring under the next epoch, unless there is a newer one than `ring`.
   * Throws `KV_ERR_MEMBERS`.
   */
  renew(ring: Ring): Promise<void>
  /**
   * Tells every reachable node of both rings which ring this process has; resolves when they have it in
   * force.
   */
  announce(ring: Ring, before?: Ring): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    ringConsensus: NodeConsensus
  }
}

const VOTE_SCHEMA = { body: { type: 'object', required: ['vote'], properties: { vote: { type: 'string' } } } }

export default fp<{ readonly keeper: Keeper }>(
  async (app, { keeper }) => {
    app.decorate('ringConsensus', createNodeConsensus(app, keeper))

    app.post<{ Body: { readonly vote: string } }>(
      '/internal/vote',
      { schema: VOTE_SCHEMA, bodyLimit: VOTE_BYTES },
      async (request, reply) => {
        const answer = await keeper.vote(parseRequest(request.body.vote))
        return reply.type('application/json; charset=utf-8').send(answerToText(answer))
      }
    )
  },
  { name: 'consensus', dependencies: ['peers', 'ring'] }
)

export function createNodeConsensus(
  { ring, peers, log }: Pick<FastifyInstance, 'ring' | 'peers' | 'log'>,
  keeper: Pick<Keeper, 'vote'>,
  timers = TIMERS,
  random = Math.random
): NodeConsensus {
  async function ask(node: string, request: VoteRequest): Promise<VoteAnswer> {
    try {
      if (node === ring.node) return await keeper.vote(request)
      return parseAnswer(
        await peers.channel(node).call('/internal/vote', { vote: requestToText(request) }, PEER_DEADLINE_MS)
      )
    } catch (error) {
      log.debug({ peer: node, err: error }, 'a member did not vote')
      return { kind: 'silent' }
    }
  }

  async function announce(after: Ring, before = after): Promise<void> {
    const nodes = new Set([...nodesOf(after), ...nodesOf(before)])
    nodes.delete(ring.node)
    await Promise.allSettled([...nodes].map(node => peers.channel(node).greet()))
  }

  const proposer = createProposer({
    present: () => ring.view?.ring,
    ask,
    install: ring.install,
    announce,
    pause: ms => pause(ms, timers),
    random
  })
  return {
    change: proposer.change,
    announce,
    async renew(older) {
      await proposer.change(present => (compareRings(present, older) > 0 ? present : renewed(present)))
    }
  }
}
