// The ring file as the keeper writes it: a ring is on the disk before it is in force.

import { type FastifyBaseLogger } from 'fastify'
import { KvError } from '../errors.ts'
import { RING_FILE_REST_MS } from '../limits.ts'
import { type Ring } from '../core/ring/ring.ts'
import { type StateFile } from './state-file.ts'

export interface PersistedRing {
  /** Why the last ring could not be written, in words for an operator; undefined: it was. */
  readonly failure: string | undefined
  /**
   * Throws `KV_ERR_INSTALL`. One that cannot be written, as on a full disk, is told once and then left in
   * peace for a while each time.
   */
  write(ring: Ring): Promise<void>
}

export function createPersisted(file: StateFile<Ring>, log: FastifyBaseLogger): PersistedRing {
  let failedMs: number | undefined
  let failure: string | undefined
  const refusal = () => new KvError('KV_ERR_INSTALL', failure)
  return {
    get failure() {
      return failure
    },
    async write(ring) {
      if (failedMs !== undefined && performance.now() - failedMs < RING_FILE_REST_MS) throw refusal()
      try {
        await file.write(ring)
      } catch (error) {
        failure = `the ring file of this node cannot be written: ${(error as Error).message}`
        if (failedMs === undefined) log.error({ err: error }, 'the ring file cannot be written')
        failedMs = performance.now()
        throw refusal()
      }
      if (failedMs !== undefined) log.info('the ring file can be written again')
      failedMs = failure = undefined
    }
  }
}
