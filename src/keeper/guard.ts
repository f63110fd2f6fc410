// The guard of what this node remembers. It keeps the ring record in step with the ring, notices when the
// record is gone and with it everything that the storage held, and lets a worker fetch from the other
// replicas what was forgotten or missed.

import { type FastifyBaseLogger } from 'fastify'
import { REPAIR_EVERY_MS } from '../limits.ts'
import { RECOVERING_MARK, type RingRecord } from '../core/ports.ts'
import { compareRings, isReceiver, namesNode, sameShape, type Ring } from '../core/ring/ring.ts'
import {
  canMissWrites,
  isTrusted,
  parseSentinel,
  sentinelText,
  trustIn,
  trustInReceiver
} from '../core/ring/sentinel.ts'
import { createAttempts } from './attempts.ts'
import { createRecovery, isStill } from './recovery.ts'
import { type Fetching } from './workers.ts'
import { asksIfNew, hasNothing, missedNothing } from './forgetting.ts'

export interface GuardOptions {
  readonly node: string
  readonly record: RingRecord
  readonly log: FastifyBaseLogger
  readonly nowMs: () => number
  /**
   * Has a worker fetch what the node holds by the ring: everything after it has `forgotten`, else what it may
   * have missed. Rejects with the worker's death, and where there is no worker.
   */
  fetch(ring: Ring, forgotten: boolean): Promise<Fetching>
  /**
   * Brings the ring into force anew, under the next epoch; resolves with the ring that is then in force.
   * Rejects where too few members agree.
   */
  renew(ring: Ring): Promise<Ring>
  /** Has every worker look at the record. Never rejects. */
  recheck(): Promise<void>
  /** Told of a ring in the record while the node has none. */
  found(ring: Ring): void
}

export interface Guard {
  /** The ring in the record, if it can be read. */
  read(): Promise<Ring | undefined>
  /** A ring is about to come into force. Resolves when the record has it, or cannot have it now. */
  adopt(ring: Ring, origin?: Origin): Promise<void>
  /**
   * True if this node was seeded with that ring as a new one while it ran, has forgotten nothing since, and
   * the ring is the same still.
   */
  isUnused(ring: Ring): boolean
  /** Why this node does not count yet, in words for an operator; undefined: it does, or nobody knows yet. */
  readonly waitsFor: string | undefined
  /** Compares record and ring; called again and again. Never rejects. */
  look(): Promise<void>
}

/**
 * Where a ring comes from. `seeded`: from the operator. `isNew`: nothing can have been stored or decided
 * under it, as the others of the seed say.
 */
export interface Origin {
  readonly seeded: boolean
  readonly isNew: boolean
}

const LEARNED: Origin = { seeded: false, isNew: false }

const REPAIR = 'fetching what was missed from the other replicas'
const RECOVERY = 'fetching what was forgotten from the other replicas'

export function createGuard({ node, record, log, nowMs, fetch, renew, recheck, found }: GuardOptions): Guard {
  let ring: Ring | undefined
  // True while nothing that this node holds was ever acknowledged, so that a missing record is no loss.
  let nothingToForget = false
  // When the last complete look at the other replicas began; undefined: the record has not told yet.
  let repairedMs: number | undefined
  let newSeed: Ring | undefined
  // When the change began in which this node is to receive slots; 0: not known.
  let dueSinceMs = 0
  // While work is under way nothing else writes to the record.
  const attempts = createAttempts(log)
  const recovery = createRecovery({ node, present: () => ring, fetch, renew })
  const { look, ended } = oneAtATime(compare, log)

  async function compare(): Promise<void> {
    const text = await record.read()
    const recorded = parseSentinel(text)
    if (recorded !== undefined) repairedMs ??= recorded.repairedMs
    if (ring === undefined) {
      if (recorded !== undefined) found(recorded.ring)
      return
    }
    // What a storage missed means nothing once it has forgotten everything, or has been out of touch for so
    // long that it is not trusted any more.
    if (attempts.underWay === REPAIR && (text === undefined || isOutOfTouch(ring))) attempts.abandon()
    if (attempts.underWay === undefined) await settle(ring, text)
  }

  function isOutOfTouch(current: Ring): boolean {
    if (nothingToForget || !namesNode(current, node)) return false
    const sentinel = { ring: current, repairedMs: repairedMs ?? 0 }
    return !isTrusted(
      isReceiver(current, node) ? trustInReceiver(sentinel, dueSinceMs) : trustIn(sentinel),
      nowMs()
    )
  }

  async function settle(current: Ring, text: string | undefined): Promise<void> {
    const nothingHeld = nothingToForget
    if (nothingHeld) repairedMs = nowMs()
    const sentinel = { ring: current, repairedMs: repairedMs ?? 0 }
    const wanted = sentinelText(sentinel)
    if (text === undefined && nothingHeld) {
      // From here on the workers may find it and count, even if Memcached's answer to `add` is lost. So if it
      // is gone at the next look, something was forgotten.
      nothingToForget = !namesNode(current, node)
      await record.add(wanted)
    } else if (text === undefined || text === RECOVERING_MARK) {
      return recover(current, text === undefined)
    } else if (isOutOfTouch(current)) {
      return distrust(current)
    } else if (text !== wanted) {
      if (!(await record.replace(wanted))) return
      // The record says until when the workers may trust the pairs.
      if (namesNode(current, node)) recheck()
    }
    nothingToForget = !namesNode(current, node)
    if (!nothingToForget && canMissWrites(current) && nowMs() - sentinel.repairedMs > REPAIR_EVERY_MS) {
      repair(current)
    }
  }

  /**
   * The node was away for so long that what it holds may have been deleted, and the deletes forgotten,
   * without it.
   */
  async function distrust(current: Ring): Promise<void> {
    recovery.begin()
    if (!(await record.replace(RECOVERING_MARK))) return
    log.error(
      'this node was out of touch for too long to trust what it holds; fetching it anew from the ' +
        'other replicas'
    )
    attempts.reset()
    // Who asks this node from now on hears that it has forgotten. So of two nodes that distrust themselves
    // one at least knows it of the other.
    await recheck()
    await recover(current, false)
  }

  /**
   * The storage has forgotten everything. The mark is put in place first, and the ring replaces it last: as
   * `replace` needs something to replace, a storage that is emptied once more in between starts over.
   */
  async function recover(current: Ring, absent: boolean): Promise<void> {
    newSeed = undefined
    if (absent) {
      recovery.begin()
      if (!(await record.add(RECOVERING_MARK))) return
      attempts.reset()
      log.error(
        { replicas: current.replicas },
        'the storage of this node came back empty; fetching its pairs from the other replicas'
      )
    }
    attempts.begin(RECOVERY, async () => {
      const startedMs = nowMs()
      const from = await recovery.run(current)
      if (from === undefined) return false
      repairedMs = startedMs
      if (await record.replace(sentinelText({ ring: from, repairedMs: startedMs }))) {
        log.warn('recovered; this node counts in quorums again')
      }
      await recheck()
      return true
    })
  }

  function repair(from: Ring): void {
    attempts.begin(REPAIR, async () => {
      const startedMs = nowMs()
      // One that took so long that the node was out of touch meanwhile may have met values whose tombstones
      // are gone.
      if (!(await fetch(from, false)).complete || !isStill(from, ring) || isOutOfTouch(from)) return false
      repairedMs = startedMs
      log.info('fetched what was missing here from the other replicas')
      return true
    })
  }

  async function adopt(newer: Ring, { seeded, isNew } = LEARNED): Promise<void> {
    nothingToForget = asksIfNew(node, ring, newer, seeded)
      ? isNew
      : hasNothing(node, ring, newer, nothingToForget)
    if (ring !== undefined && missedNothing(node, ring, newer, seeded)) repairedMs = nowMs()
    if (ring !== undefined && isReceiver(newer, node) && !sameShape(ring, newer)) dueSinceMs = nowMs()
    ring = newer
    newSeed = isNew ? newer : undefined
    attempts.reset()
    // A look that began before may have missed it.
    await ended()
    await look()
  }

  return {
    read: async () => parseSentinel(await record.read())?.ring,
    get waitsFor() {
      return recovery.waitsFor
    },
    isUnused: asked =>
      newSeed !== undefined && compareRings(asked, newSeed) === 0 && sameShape(asked, newSeed),
    adopt,
    look
  }
}

/**
 * Calls that come while a look is under way wait for its end. A record that cannot be reached is told once,
 * until it can be again.
 */
function oneAtATime(
  compare: () => Promise<void>,
  log: FastifyBaseLogger
): { look(): Promise<void>; ended(): Promise<void> } {
  let looking: Promise<void> | undefined
  let unreachable = false

  function look(): Promise<void> {
    looking ??= compare()
      .then(
        () => {
          unreachable = false
        },
        error => {
          if (!unreachable) log.warn({ err: error }, 'the ring record cannot be reached')
          unreachable = true
        }
      )
      .finally(() => {
        looking = undefined
      })
    return looking
  }

  return { look, ended: async () => looking }
}
