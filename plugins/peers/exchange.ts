// One frame to another node and its answers back, under the fence: whichever side is behind learns the newer
// ring on the way.

import { type FastifyBaseLogger } from 'fastify'
import { failed, FENCED } from '../../src/core/ports.ts'
import { compareRings, type Ring } from '../../src/core/ring/ring.ts'
import { parseRing } from '../../src/core/ring/ring-json.ts'
import { type Answer, type Operation, type FrameReply } from '../../src/core/messages/frame.ts'

export interface ExchangePorts {
  readonly node: string
  readonly log: FastifyBaseLogger
  /** This process's ring, and as JSON for a node that is behind. */
  mine(): { readonly ring: Ring; readonly json: string } | undefined
  install(ring: Ring): Promise<void>
  /** Carries a frame to the node. Rejects where no reply comes. */
  ask(ring: Ring, ringJson: string | undefined, operations: readonly Operation[]): Promise<FrameReply>
}

/** Rejects as `ask` does. */
export type Exchange = (ring: Ring, operations: readonly Operation[]) => Promise<readonly Answer[]>

export function createExchange({ node, log, mine, install, ask }: ExchangePorts): Exchange {
  const learn = createLearner(node, install, log)

  /** A node that is behind gets the ring and the frame once more. */
  return async (ring, operations) => {
    let reply = await ask(ring, undefined, operations)
    if (reply.verdict === 'behind') {
      const newest = mine()
      if (newest !== undefined) {
        reply = await ask(newest.ring, newest.json, compareRings(newest.ring, ring) === 0 ? operations : [])
      }
    }
    // Without one ring for both, planning again would lead to the same refusal.
    const refused =
      reply.verdict === 'foreign' ||
      reply.verdict === 'split' ||
      (reply.verdict === 'ahead' && !(await learn(reply.ringJson ?? '')))
    return operations.map((_, i) => (refused ? failed('unreachable') : (reply.answers[i] ?? FENCED)))
  }
}

/** Takes over what the node sends as its ring; false: that was not possible. */
function createLearner(
  node: string,
  install: ExchangePorts['install'],
  log: FastifyBaseLogger
): (json: string) => Promise<boolean> {
  let refused = false
  return async json => {
    try {
      await install(parseRing(json))
      refused = false
    } catch (error) {
      // It comes again with every reply.
      if (!refused) log.warn({ peer: node, err: error }, 'the ring of another node was not taken over')
      refused = true
    }
    return !refused
  }
}
