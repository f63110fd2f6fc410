// What a node does when its storage has forgotten: it has the ring renewed, fetches everything from the other
// replicas, and tells what it waits for.

import { holdings } from '../core/ring/placement.ts'
import { compareRings, sameShape, type Ring } from '../core/ring/ring.ts'
import { type Fetching } from './workers.ts'

export interface RecoveryPorts {
  readonly node: string
  /** The ring in force. */
  present(): Ring | undefined
  /** As `GuardOptions.fetch`. */
  fetch(ring: Ring, forgotten: boolean): Promise<Fetching>
  /** As `GuardOptions.renew`. */
  renew(ring: Ring): Promise<Ring>
}

export interface Recovery {
  /**
   * Why the last attempt was not complete, in words for an operator; undefined: it was, or there was none.
   */
  readonly waitsFor: string | undefined
  /**
   * The storage forgets, once more perhaps: what was renewed before does not count. To be called before that
   * is written down, as the answer to the writing may be lost.
   */
  begin(): void
  /**
   * Fetches everything under a renewed ring; resolves with the ring by which the node then holds all that it
   * should, or undefined. Rejects where too few members agree.
   */
  run(current: Ring): Promise<Ring | undefined>
}

export function createRecovery({ node, present, fetch, renew }: RecoveryPorts): Recovery {
  // The ring that was renewed since the storage last forgot.
  let barrier: Ring | undefined
  let waitsFor: string | undefined

  /**
   * Before it forgot, this node may have acknowledged a write whose other messages are still under way. They
   * must not make up a quorum with that answer once the other replicas have been read. So the ring is renewed
   * first. By then a node that is read has ended what it began under the older epoch, and it refuses what
   * comes late. The coordinator of that write asks everybody again.
   */
  async function fenceOff(current: Ring): Promise<Ring> {
    const hasSources = holdings(current, node).some(holding => holding.others.length > 0)
    if (!hasSources) return current
    if (barrier === undefined || compareRings(current, barrier) < 0) barrier = await renew(current)
    return present() as Ring
  }

  return {
    get waitsFor() {
      return waitsFor
    },
    begin() {
      barrier = undefined
    },
    async run(current) {
      try {
        const from = await fenceOff(current)
        const fetching = await fetch(from, true)
        waitsFor = fetching.waitsFor
        return fetching.complete && isStill(from, present()) ? from : undefined
      } catch (error) {
        waitsFor = (error as Error).message
        throw error
      }
    }
  }
}

/** True if the ring that was fetched by was in force all the while. */
export function isStill(from: Ring, present: Ring | undefined): boolean {
  return present !== undefined && sameShape(from, present)
}
