// What the ring in force makes this node do in the background: receive the slots that it is due in a change,
// and purge the slots that are not its own any more once a ring is stable, never before.

import { type FastifyBaseLogger } from 'fastify'
import { sameShape, type Ring } from '../core/ring/ring.ts'
import { createAttempts } from './attempts.ts'

export interface DutyOptions {
  readonly node: string
  readonly log: FastifyBaseLogger
  /**
   * Has a worker receive what the node is due in the change of `ring`; false: not everything came, or there
   * is no worker.
   */
  receive(ring: Ring): Promise<boolean>
  /**
   * Has a worker purge what the node does not hold by the stable `ring`; false: the ring changed meanwhile,
   * or there is no worker.
   */
  purge(ring: Ring): Promise<boolean>
}

export interface Duties {
  /** A ring is in force at the whole node. */
  adopt(ring: Ring): void
  /** Sees to what is due; called again and again. */
  look(): void
  /** True if nothing is left here of slots that the node does not hold by its ring. */
  readonly tidy: boolean
}

export function createDuties({ node, log, receive, purge }: DutyOptions): Duties {
  const receiving = createAttempts(log)
  const purging = createAttempts(log)
  let ring: Ring | undefined
  let purgedBy: Ring | undefined

  const isTidy = () => ring !== undefined && purgedBy !== undefined && sameShape(ring, purgedBy)

  function look(): void {
    const current = ring
    if (current === undefined) return
    if (current.pending?.includes(node)) {
      receiving.begin('receiving the slots of this node', () => receive(current))
    }
    if (current.next === undefined && !isTidy()) {
      purging.begin('purging slots of other nodes', async () => {
        const done = await purge(current)
        if (done) purgedBy = current
        return done
      })
    }
  }

  return {
    adopt(newer) {
      ring = newer
      // What comes while a ring changes may have to go again, even if the ring then is what it was.
      if (newer.next !== undefined) purgedBy = undefined
      receiving.reset()
      purging.reset()
      look()
    },
    look,
    get tidy() {
      return isTidy()
    }
  }
}
