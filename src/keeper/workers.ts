// The worker processes of one node as its keeper sees them: all take each ring, and any of them does what is
// asked of the node.

import { type FastifyBaseLogger } from 'fastify'
import { KvError } from '../errors.ts'
import { INSTALL_DEADLINE_MS } from '../limits.ts'
import { WORKER_LOST_MS, WORKER_STUCK_MS } from '../core/processes/limits.ts'
import { TIMERS, withDeadline } from '../core/quorum/deadline.ts'
import { type Ring, type RingId } from '../core/ring/ring.ts'
import { watch } from '../core/processes/watch.ts'

/** How a fetch ended. `waitsFor`: why it is not complete, in words for an operator. */
export interface Fetching {
  readonly complete: boolean
  readonly waitsFor?: string
}

export interface WorkerHandle {
  /** Resolves when the worker uses the ring and has ended what it began under older ones. */
  switchTo(ring: Ring): Promise<void>
  serve(id: RingId): void
  /** Looks at the ring record; resolves when it goes by what is there. Never rejects. */
  recheck(): Promise<void>
  /**
   * Asks the others of a ring that was just seeded; true: all say that nothing can have been stored or
   * decided under it. Never rejects.
   */
  isNew(ring: Ring): Promise<boolean>
  /** Fetches from the other replicas what this node has forgotten, or else only what it may have missed. */
  fetch(ring: Ring, forgotten: boolean): Promise<Fetching>
  /**
   * Has the members agree on the same ring under the next epoch, unless there is a newer one. Rejects where
   * too few of them answer.
   */
  renew(ring: Ring): Promise<void>
  /** Receives what this node is due in the change of the ring; false: not complete. */
  receive(ring: Ring): Promise<boolean>
  /** Removes what this node does not hold by the stable ring; false: the ring changed meanwhile. */
  purge(ring: Ring): Promise<boolean>
  /**
   * Resolves when the worker has answered; rejects once it is gone. Absent: it is this process itself, which
   * nobody watches.
   */
  readonly beat?: () => Promise<unknown>
  /** Ends the worker, and with it all that it had in flight: that rejects when it has ended, not before. */
  kill(): void
}

export type Workers = ReturnType<typeof createWorkers>

/**
 * A worker that is silent gets no task. The one that it has stays its own until it is ended: it may wake up
 * at any time, and then would purge or count beside the worker that does the task anew.
 */
export function createWorkers(log: FastifyBaseLogger, timers = TIMERS) {
  const workers = new Set<WorkerHandle>()
  const stuck = new WeakSet<WorkerHandle>()

  function remove(worker: WorkerHandle): void {
    workers.delete(worker)
  }

  function end(worker: WorkerHandle): void {
    remove(worker)
    worker.kill()
  }

  function watchOver(worker: WorkerHandle): void {
    if (worker.beat === undefined) return
    watch(
      {
        beat: worker.beat,
        silentMs: WORKER_STUCK_MS,
        silent() {
          stuck.add(worker)
          log.warn('a worker does not answer its primary and gets no task until it does')
        },
        back() {
          stuck.delete(worker)
          log.warn('the worker answers its primary again')
        },
        lost: {
          afterMs: WORKER_LOST_MS,
          tell() {
            log.error(
              { silentMs: WORKER_LOST_MS },
              'a worker did not answer its primary for too long and was ended'
            )
            end(worker)
          }
        }
      },
      timers
    )
  }

  /** A worker that cannot switch in time is ended: what it had in flight then ends too. */
  async function switchWorker(worker: WorkerHandle, ring: Ring): Promise<void> {
    try {
      await withDeadline(
        worker.switchTo(ring),
        INSTALL_DEADLINE_MS,
        () => new KvError('KV_ERR_INSTALL'),
        timers
      )
    } catch (error) {
      end(worker)
      log.error({ err: error, epoch: ring.epoch }, 'a worker did not take the ring in time and was ended')
    }
  }

  return {
    /** The oldest worker that answers. */
    any: (): WorkerHandle | undefined => [...workers].find(worker => !stuck.has(worker)),
    async recheck(): Promise<void> {
      await Promise.all([...workers].map(worker => worker.recheck()))
    },
    /** The ring is served when every worker has ended what it began under older ones. */
    async install(ring: Ring): Promise<void> {
      await Promise.all([...workers].map(worker => switchWorker(worker, ring)))
      for (const worker of workers) worker.serve(ring)
    },
    async add(worker: WorkerHandle, ring: Ring | undefined): Promise<void> {
      workers.add(worker)
      watchOver(worker)
      if (ring === undefined) return
      await switchWorker(worker, ring)
      worker.serve(ring)
    },
    remove
  }
}
