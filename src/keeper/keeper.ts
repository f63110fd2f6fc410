// The keeper of a node's ring: one per node, in the primary process (or in the only one). It persists the
// ring and brings it into force at every worker; its guard watches over what the node remembers.

import { randomBytes } from 'node:crypto'
import { type FastifyBaseLogger } from 'fastify'
import { KvError } from '../errors.ts'
import { RECONCILE_MS } from '../limits.ts'
import { TIMERS, type Timers } from '../core/quorum/deadline.ts'
import { type RingRecord } from '../core/ports.ts'
import { areSplit, digestOf, refuseSplit } from '../core/ring/digest.ts'
import { adopts, compareRings, namesNode, type Ring } from '../core/ring/ring.ts'
import { applySeed, type Seed } from '../core/ring/seed.ts'
import { type Progress } from '../core/copying/progress.ts'
import { type VoteAnswer, type VoteRequest } from '../core/consensus/voter.ts'
import { createDuties, type Duties } from './duties.ts'
import { type StateFiles } from './state-file.ts'
import { createGuard, type Guard, type Origin } from './guard.ts'
import { asksIfNew } from './forgetting.ts'
import { createPersisted } from './persisted.ts'
import { createWorkers, type Workers, type WorkerHandle } from './workers.ts'
import { createVotes } from './votes.ts'

/** The keeper as its workers see it. */
export interface Keeper {
  /**
   * Brings a ring that another node sent into force here; resolves at once if this one is as new. Throws
   * `KV_ERR_RING_CONFLICT` for the ring of another cluster, `KV_ERR_RING_SPLIT`, `KV_ERR_INSTALL`.
   */
  install(ring: Ring): Promise<void>
  /** Seeds this node's ring. Throws `KV_ERR_RING_CONFLICT`, `KV_ERR_INSTALL`. */
  seed(seed: Seed): Promise<void>
  /**
   * This node's vote on the next ring. Throws `KV_ERR_RING_CONFLICT`, `KV_ERR_RING_SPLIT`, `KV_ERR_INSTALL`.
   */
  vote(request: VoteRequest): Promise<VoteAnswer>
  /**
   * True if, as far as this node knows, nothing can have been stored or decided under the ring, which another
   * node was just seeded with.
   */
  isNew(ring: Ring): Promise<boolean>
  /** Why this node does not count, in words for an operator; undefined: it does, or nobody knows yet. */
  waitsFor(): Promise<string | undefined>
  /** True if nothing is left here of slots that this node does not hold by its ring. */
  isTidy(): Promise<boolean>
  /** How far this node is with receiving. */
  progress(): Promise<Progress | undefined>
  /** A worker tells how far it is. */
  report(progress: Progress): Promise<void>
  /**
   * False: it is another process, which does not answer. Then no ring comes into force here, and this node
   * has no vote.
   */
  readonly answers: boolean
}

export interface NodeKeeper extends Keeper {
  readonly ring: Ring | undefined
  /**
   * Reads what was persisted. Throws `KV_ERR_CONFIG`, and `KV_ERR_RING_SPLIT` where file and record do not
   * agree on a ring.
   */
  start(): Promise<void>
  /** Gives the worker the ring; resolves when it serves. */
  addWorker(worker: WorkerHandle): Promise<void>
  removeWorker(worker: WorkerHandle): void
  close(): Promise<void>
}

export interface KeeperOptions {
  readonly node: string
  readonly files: StateFiles
  readonly record: RingRecord
  readonly log: FastifyBaseLogger
  readonly nowMs: () => number
  /** How it waits; as usual unless told otherwise. */
  readonly timers?: Timers
}

export function createKeeper(options: KeeperOptions): NodeKeeper {
  const { node, files, record, log, nowMs, timers = TIMERS } = options
  const team = createWorkers(log, timers)
  const inTurn = createTurns()
  const persisted = createPersisted(files.ring, log)
  const votes = createVotes(files.votes, () => randomBytes(6).readUIntBE(0, 6))
  let ring: Ring | undefined
  let progress: Progress | undefined
  let callOff = () => {}
  const { guard, duties } = createWatch(options, team, () => ring, takeRecorded)

  function takeRecorded(recorded: Ring): void {
    inTurn(async () => {
      if (ring === undefined) await bringIntoForce(recorded)
    }).catch(error => log.error({ err: error }, 'the ring of the record could not be installed'))
  }

  async function bringIntoForce(newer: Ring, origin?: Origin): Promise<void> {
    await persisted.write(newer)
    ring = newer
    await guard.adopt(newer, origin)
    await team.install(newer)
    log.info(inShort(newer, node), 'ring installed')
    duties.adopt(newer)
  }

  async function takeOver(newer: Ring): Promise<void> {
    refuseSplit(ring, newer)
    if (ring !== undefined && compareRings(newer, ring) <= 0) return
    if (!adopts(node, ring, newer)) {
      throw new KvError(
        'KV_ERR_RING_CONFLICT',
        'that ring is of a cluster to which this node does not belong'
      )
    }
    await bringIntoForce(newer)
  }

  /**
   * A node that was seeded holds nothing, or has lost what it held, and its votes with it. Only the others
   * can tell; unless all of them say that the ring is new, it fetches first whatever there may be.
   */
  async function takeSeed(seed: Seed): Promise<void> {
    const seeded = applySeed(ring, seed, nowMs())
    if (seeded === ring) return
    const isNew = asksIfNew(node, ring, seeded, true) && (await team.any()?.isNew(seeded)) === true
    if (isNew && ring === undefined) await votes.begin(seeded.generation)
    await bringIntoForce(seeded, { seeded: true, isNew })
  }

  async function vote(request: VoteRequest): Promise<VoteAnswer> {
    await takeOver(request.present)
    return ring !== undefined && compareRings(ring, request.present) > 0
      ? { kind: 'ahead', ring }
      : votes.answer(request)
  }

  async function start(): Promise<void> {
    ring = await files.ring.read()
    await votes.start()
    const recorded = await guard.read().catch(error => {
      log.warn({ err: error }, 'the ring record cannot be read yet')
    })
    if (recorded && ring !== undefined && areSplit(ring, recorded)) throw recordError(ring, recorded)
    if (recorded && (ring === undefined || compareRings(recorded, ring) > 0)) ring = recorded
    if (ring !== undefined) await guard.adopt(ring)
    callOff = timers.every(RECONCILE_MS, () => {
      guard.look()
      duties.look()
    })
  }

  return {
    get ring() {
      return ring
    },
    start,
    install: newer => inTurn(() => takeOver(newer)),
    seed: seed => inTurn(() => takeSeed(seed)),
    isNew: async asked =>
      (ring === undefined || ring.generation < asked.generation || guard.isUnused(asked)) &&
      !votes.mayHaveVoted(asked.generation),
    waitsFor: async () => persisted.failure ?? guard.waitsFor,
    vote: request => inTurn(() => vote(request)),
    addWorker: worker =>
      inTurn(async () => {
        await team.add(worker, ring)
        await guard.look()
        if (ring !== undefined) duties.adopt(ring)
      }),
    removeWorker: team.remove,
    isTidy: async () => duties.tidy,
    progress: async () => progress,
    async report(latest) {
      progress = latest
    },
    answers: true,
    async close() {
      callOff()
      await inTurn(async () => {})
      await guard.look()
      record.close()
    }
  }
}

/** What the log tells of a ring. */
function inShort(ring: Ring, node: string) {
  const { generation, epoch, replicas, pending } = ring
  return { generation, epoch, replicas, tokens: ring.tokens.length, member: namesNode(ring, node), pending }
}

/** The file and the record of one node are written together, so one of them is not this node's. */
function recordError(ring: Ring, recorded: Ring): KvError {
  return new KvError(
    'KV_ERR_RING_SPLIT',
    `the rings in STATE_DIR (digest ${digestOf(ring)}) and in Memcached (digest ` +
      `${digestOf(recorded)}) have one number and other content: ` +
      'is this the Memcached of another node? Give this node an empty one, or move STATE_DIR away'
  )
}

/** What watches over the node's memory and over what its ring makes it do; both have a worker do the work. */
function createWatch(
  { node, record, log, nowMs }: KeeperOptions,
  team: Workers,
  present: () => Ring | undefined,
  found: (ring: Ring) => void
): { guard: Guard; duties: Duties } {
  const guard = createGuard({
    node,
    record,
    log,
    nowMs,
    found,
    fetch: async (ring, forgotten) => someWorker(team).fetch(ring, forgotten),
    async renew(ring) {
      await someWorker(team).renew(ring)
      return present() as Ring
    },
    recheck: () => team.recheck()
  })
  const duties = createDuties({
    node,
    log,
    receive: async ring => (await team.any()?.receive(ring)) ?? false,
    purge: async ring => (await team.any()?.purge(ring)) ?? false
  })
  return { guard, duties }
}

/** Throws `KV_ERR_INSTALL`. */
function someWorker(team: Workers): WorkerHandle {
  const worker = team.any()
  if (worker === undefined) throw new KvError('KV_ERR_INSTALL', 'this node has no worker now')
  return worker
}

/** Installs, seedings and arrivals of workers happen one after the other. */
function createTurns(): <T>(action: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return action => {
    const turn = last.then(action)
    last = turn.catch(() => {})
    return turn
  }
}
