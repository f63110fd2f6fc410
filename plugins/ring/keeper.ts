// The keeper of a node's ring: one per node, in the primary process (or in the only one). It persists the ring and brings it into
// force at every worker; its guard watches over what the node remembers.

import { type FastifyBaseLogger } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { INSTALL_DEADLINE_MS, RECONCILE_MS } from '../../src/limits.ts'
import { type RingRecord } from '../../src/core/ports.ts'
import { adopts, applySeed, compareRings, namesNode, type Ring, type RingId, type Seed } from '../../src/core/ring.ts'
import { type RingFile } from './file.ts'
import { createGuard } from './guard.ts'

/** The keeper as its workers see it. */
export interface Keeper {
  /** Brings a ring that another node sent into force here; resolves at once if this one is as new. Throws `KV_ERR_RING_CONFLICT` for the ring of another cluster, `KV_ERR_INSTALL`. */
  install (ring: Ring): Promise<void>
  /** Seeds this node's ring. Throws `KV_ERR_RING_CONFLICT`, `KV_ERR_INSTALL`. */
  seed (seed: Seed): Promise<void>
}

/** A worker as the keeper sees it. */
export interface WorkerPort {
  /** Resolves when the worker uses the ring and has ended what it began under older ones. */
  switchTo (ring: Ring): Promise<void>
  serve (id: RingId): void
  /** Looks at the ring record. */
  recheck (): void
  /** Fetches from the other replicas what this node has forgotten, or else only what it may have missed; false: not complete. */
  fetch (ring: Ring, forgotten: boolean): Promise<boolean>
  /** Ends the worker, and with it all that it had in flight. */
  kill (): void
}

export interface NodeKeeper extends Keeper {
  readonly ring: Ring | undefined
  /** Reads what was persisted. Throws `KV_ERR_CONFIG`. */
  start (): Promise<void>
  /** Gives the worker the ring; resolves when it serves. */
  addWorker (worker: WorkerPort): Promise<void>
  removeWorker (worker: WorkerPort): void
  close (): Promise<void>
}

export interface KeeperOptions {
  readonly node: string
  readonly file: RingFile
  readonly record: RingRecord
  readonly log: FastifyBaseLogger
  readonly nowMs: () => number
}

export function createKeeper ({ node, file, record, log, nowMs }: KeeperOptions): NodeKeeper {
  const team = createTeam(log)
  const inTurn = createTurns()
  let ring: Ring | undefined
  let timer: NodeJS.Timeout | undefined

  const guard = createGuard({
    node,
    record,
    log,
    nowMs,
    fetch: async (current, forgotten) => await team.any()?.fetch(current, forgotten) ?? false,
    renew: current => inTurn(async () => {
      // A newer ring may have come while this waited for its turn; it fences off as well.
      if (ring === current) await bringIntoForce({ ...current, epoch: current.epoch + 1 }, false)
      return ring as Ring
    }),
    recheck: () => team.each(worker => worker.recheck()),
    found (recorded) {
      inTurn(async () => { if (ring === undefined) await bringIntoForce(recorded, false) })
        .catch(error => log.error({ err: error }, 'the ring of the record could not be installed'))
    }
  })

  async function bringIntoForce (newer: Ring, seeded: boolean): Promise<void> {
    await persist(file, newer, log)
    ring = newer
    await guard.adopt(newer, seeded)
    await team.install(newer)
    log.info({ generation: newer.generation, epoch: newer.epoch, replicas: newer.replicas, tokens: newer.tokens.length, member: namesNode(newer, node) }, 'ring installed')
  }

  async function start (): Promise<void> {
    ring = await file.read()
    try {
      const recorded = await guard.read()
      if (recorded !== undefined && (ring === undefined || compareRings(recorded, ring) > 0)) ring = recorded
    } catch (error) {
      log.warn({ err: error }, 'the ring record cannot be read yet')
    }
    if (ring !== undefined) await guard.adopt(ring, false)
    timer = setInterval(guard.look, RECONCILE_MS).unref()
  }

  return {
    get ring () { return ring },
    start,

    install: newer => inTurn(async () => {
      if (ring !== undefined && compareRings(newer, ring) <= 0) return
      if (!adopts(node, ring, newer)) throw new KvError('KV_ERR_RING_CONFLICT', 'that ring is of a cluster to which this node does not belong')
      await bringIntoForce(newer, false)
    }),

    seed: seed => inTurn(async () => {
      const seeded = applySeed(ring, seed, nowMs())
      if (seeded !== ring) await bringIntoForce(seeded, true)
    }),

    addWorker: worker => inTurn(async () => {
      await team.add(worker, ring)
      await guard.look()
    }),

    removeWorker: team.remove,

    async close () {
      clearInterval(timer)
      await inTurn(async () => {})
      await guard.look()
      record.close()
    }
  }
}

/** Installs, seedings and arrivals of workers happen one after the other. */
function createTurns (): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return action => {
    const turn = last.then(action)
    last = turn.catch(() => {})
    return turn
  }
}

async function persist (file: RingFile, ring: Ring, log: FastifyBaseLogger): Promise<void> {
  try {
    await file.write(ring)
  } catch (error) {
    log.error({ err: error }, 'the ring file cannot be written')
    throw new KvError('KV_ERR_INSTALL', 'the ring file of this node cannot be written')
  }
}

/** The node's workers, as a whole. */
function createTeam (log: FastifyBaseLogger) {
  const workers = new Set<WorkerPort>()

  /** A worker that cannot switch in time is ended: what it had in flight then ends too. */
  async function switchWorker (worker: WorkerPort, ring: Ring): Promise<void> {
    try {
      await withDeadline(worker.switchTo(ring), INSTALL_DEADLINE_MS)
    } catch (error) {
      workers.delete(worker)
      worker.kill()
      log.error({ err: error, epoch: ring.epoch }, 'a worker did not take the ring in time and was ended')
    }
  }

  return {
    any: (): WorkerPort | undefined => workers.values().next().value,
    each (action: (worker: WorkerPort) => void): void {
      for (const worker of workers) action(worker)
    },
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

/** The promise, or `KV_ERR_INSTALL` when the time is up. */
async function withDeadline<T> (promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new KvError('KV_ERR_INSTALL')), timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
