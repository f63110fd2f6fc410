// The worker processes of one node as its keeper sees them: all take each ring, and any of them does what is asked of the node.

import { type FastifyBaseLogger } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { INSTALL_DEADLINE_MS } from '../../src/limits.ts'
import { withDeadline } from '../../src/core/deadline.ts'
import { type Ring, type RingId } from '../../src/core/ring.ts'

/** How a fetch ended. `waitsFor`: why it is not complete, in words for an operator. */
export interface Fetching { readonly complete: boolean, readonly waitsFor?: string }

export interface WorkerPort {
  /** Resolves when the worker uses the ring and has ended what it began under older ones. */
  switchTo (ring: Ring): Promise<void>
  serve (id: RingId): void
  /** Looks at the ring record; resolves when it goes by what is there. Never rejects. */
  recheck (): Promise<void>
  /** Asks the others of a ring that was just seeded; true: all say that nothing can have been stored or decided under it. Never rejects. */
  isNew (ring: Ring): Promise<boolean>
  /** Fetches from the other replicas what this node has forgotten, or else only what it may have missed. */
  fetch (ring: Ring, forgotten: boolean): Promise<Fetching>
  /** Has the members agree on the same ring under the next epoch, unless there is a newer one. Rejects where too few of them answer. */
  renew (ring: Ring): Promise<void>
  /** Receives what this node is due in the change of the ring; false: not complete. */
  receive (ring: Ring): Promise<boolean>
  /** Removes what this node does not hold by the stable ring; false: the ring changed meanwhile. */
  purge (ring: Ring): Promise<boolean>
  /** Ends the worker, and with it all that it had in flight. */
  kill (): void
}

export type Team = ReturnType<typeof createTeam>

export function createTeam (log: FastifyBaseLogger) {
  const workers = new Set<WorkerPort>()

  /** A worker that cannot switch in time is ended: what it had in flight then ends too. */
  async function switchWorker (worker: WorkerPort, ring: Ring): Promise<void> {
    try {
      await withDeadline(worker.switchTo(ring), INSTALL_DEADLINE_MS, () => new KvError('KV_ERR_INSTALL'))
    } catch (error) {
      workers.delete(worker)
      worker.kill()
      log.error({ err: error, epoch: ring.epoch }, 'a worker did not take the ring in time and was ended')
    }
  }

  return {
    any: (): WorkerPort | undefined => workers.values().next().value,
    async recheck (): Promise<void> { await Promise.all([...workers].map(worker => worker.recheck())) },
    /** The ring is served when every worker has ended what it began under older ones. */
    async install (ring: Ring): Promise<void> {
      await Promise.all([...workers].map(worker => switchWorker(worker, ring)))
      for (const worker of workers) worker.serve(ring)
    },
    async add (worker: WorkerPort, ring: Ring | undefined): Promise<void> {
      workers.add(worker)
      if (ring === undefined) return
      await switchWorker(worker, ring)
      worker.serve(ring)
    },
    remove: (worker: WorkerPort): void => { workers.delete(worker) }
  }
}
