// The keeper of a node's ring: one per node, in the primary process (or in the only one). It persists the ring, brings it into
// force at every worker, and watches over the ring record, whose absence tells that Memcached has forgotten everything.

import { type FastifyBaseLogger } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { INSTALL_DEADLINE_MS, RECONCILE_MS } from '../../src/limits.ts'
import { RECOVERING_MARK, type RingRecord } from '../../src/core/ports.ts'
import { adopts, applySeed, compareRings, namesNode, parseRing, ringToJson, type Ring, type RingId, type Seed } from '../../src/core/ring.ts'
import { type RingFile } from './file.ts'

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
  /** Fetches from the other replicas what this node has forgotten; false: not complete. */
  recover (ring: Ring): Promise<boolean>
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
  const workers = new Set<WorkerPort>()
  let ring: Ring | undefined
  // True while nothing that this node holds was ever acknowledged, so that a missing sentinel is no loss.
  let nothingToForget = false
  let installing: Promise<unknown> = Promise.resolve()
  let reconciling: Promise<void> | undefined
  let recovering = false
  let timer: NodeJS.Timeout | undefined
  let closed = false

  /** Installs, seedings and arrivals of workers happen one after the other. */
  function inTurn<T> (action: () => Promise<T>): Promise<T> {
    const turn = installing.then(action)
    installing = turn.catch(() => {})
    return turn
  }

  async function bringIntoForce (newer: Ring, seeded: boolean): Promise<void> {
    await persist(newer)
    nothingToForget = !namesNode(newer, node) || (ring === undefined ? seeded : nothingToForget || !namesNode(ring, node))
    ring = newer
    await reconcile()
    await Promise.all([...workers].map(worker => switchWorker(worker, newer)))
    for (const worker of workers) worker.serve(newer)
    log.info({ generation: newer.generation, epoch: newer.epoch, replicas: newer.replicas, tokens: newer.tokens.length, member: namesNode(newer, node) }, 'ring installed')
  }

  async function persist (newer: Ring): Promise<void> {
    try {
      await file.write(newer)
    } catch (error) {
      log.error({ err: error }, 'the ring file cannot be written')
      throw new KvError('KV_ERR_INSTALL', 'the ring file of this node cannot be written')
    }
  }

  /** A worker that cannot switch in time is ended: what it had in flight then ends too. */
  async function switchWorker (worker: WorkerPort, newer: Ring): Promise<void> {
    try {
      await withDeadline(worker.switchTo(newer), INSTALL_DEADLINE_MS)
    } catch (error) {
      workers.delete(worker)
      worker.kill()
      log.error({ err: error, epoch: newer.epoch }, 'a worker did not take the ring in time and was ended')
    }
  }

  function reconcile (): Promise<void> {
    reconciling ??= compareWithRecord()
      .catch(error => { log.warn({ err: error }, 'the ring record cannot be reached') })
      .finally(() => { reconciling = undefined })
    return reconciling
  }

  async function compareWithRecord (): Promise<void> {
    if (closed || recovering) return
    const text = await record.read()
    if (ring === undefined) {
      if (text?.startsWith('{')) inTurn(() => adoptRecord(text)).catch(error => log.error({ err: error }, 'the ring record is not usable'))
      return
    }
    const wanted = JSON.stringify(ringToJson(ring))
    if (text === undefined && nothingToForget) {
      if (await record.add(wanted)) nothingToForget = !namesNode(ring, node)
    } else if (text === undefined || text === RECOVERING_MARK) {
      recover(text === undefined).catch(error => log.warn({ err: error }, 'recovery was interrupted and will be tried again'))
    } else if (text === wanted || await record.replace(wanted)) {
      // A standby that became a member: from here on it may be asked for what it acknowledged.
      nothingToForget = !namesNode(ring, node)
    }
  }

  async function adoptRecord (text: string): Promise<void> {
    if (ring === undefined) await bringIntoForce(parseRing(text), false)
  }

  /**
   * Memcached came back empty. The mark is put in place first, and the ring replaces it last: as `replace` needs something to
   * replace, a Memcached that is emptied once more in between starts over.
   */
  async function recover (absent: boolean): Promise<void> {
    const worker = [...workers][0]
    if (worker === undefined || ring === undefined) return
    recovering = true
    try {
      if (absent && !await record.add(RECOVERING_MARK)) return
      const from = ring
      if (absent) log.error({ node, replicas: from.replicas }, 'the storage of this node came back empty; fetching its pairs from the other replicas')
      if (!await worker.recover(from) || compareRings(from, ring) !== 0) return
      if (await record.replace(JSON.stringify(ringToJson(ring)))) log.warn({ node }, 'recovered; this node counts in quorums again')
    } finally {
      recovering = false
    }
  }

  return {
    get ring () { return ring },

    install: newer => inTurn(async () => {
      if (ring !== undefined && compareRings(newer, ring) <= 0) return
      if (!adopts(node, ring, newer)) throw new KvError('KV_ERR_RING_CONFLICT', 'that ring is of a cluster to which this node does not belong')
      await bringIntoForce(newer, false)
    }),

    seed: seed => inTurn(async () => {
      const seeded = applySeed(ring, seed, nowMs())
      if (seeded !== ring) await bringIntoForce(seeded, true)
    }),

    async start () {
      ring = await file.read()
      try {
        const text = await record.read()
        const recorded = text?.startsWith('{') ? parseRing(text) : undefined
        if (recorded !== undefined && (ring === undefined || compareRings(recorded, ring) > 0)) ring = recorded
      } catch (error) {
        log.warn({ err: error }, 'the ring record cannot be read yet')
      }
      nothingToForget = ring !== undefined && !namesNode(ring, node)
      timer = setInterval(reconcile, RECONCILE_MS).unref()
    },

    addWorker: worker => inTurn(async () => {
      workers.add(worker)
      if (ring === undefined) return
      await switchWorker(worker, ring)
      worker.serve(ring)
      await reconcile()
    }),

    removeWorker (worker) {
      workers.delete(worker)
    },

    async close () {
      closed = true
      clearInterval(timer)
      await installing
      await reconciling
      record.close()
    }
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
