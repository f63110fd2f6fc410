// Carrying out a change. The receivers are asked whether they are ready, and the members decide. The
// operator's request waits until the ring is as it was to be and every node that can be reached routes by it.

import { setTimeout as pause } from 'node:timers/promises'
import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { PROPOSAL_ATTEMPTS, SLOTS } from '../../src/limits.ts'
import { CHANGE_LOOK_MS, CHANGE_WAIT_MS, TIDY_CALL_MS, TIDY_POLL_MS, TIDY_WAIT_MS } from './limits.ts'
import { pause as waitFor, TIMERS, type Timers } from '../../src/core/quorum/deadline.ts'
import { beginChange, isDone, leaving, type Change } from '../../src/core/ring/change.ts'
import { majority, preferenceList } from '../../src/core/ring/placement.ts'
import { compareRings, type Ring } from '../../src/core/ring/ring.ts'
import { ringFromJson, ringToJson } from '../../src/core/ring/ring-json.ts'
import { type TidyAnswer } from './tidy.ts'

/** What beginning a change needs of the application. */
export type ChangePorts = Pick<FastifyInstance, 'ring' | 'ringConsensus' | 'peers' | 'log'>

/**
 * The newest ring that this node can learn of: it may be no member any more, or have been out of touch.
 * Throws `KV_ERR_NO_RING`.
 */
export async function newest({
  ring,
  ringConsensus
}: Pick<FastifyInstance, 'ring' | 'ringConsensus'>): Promise<Ring> {
  for (let round = 0; ; round++) {
    const known = ring.view?.ring
    if (known === undefined) throw new KvError('KV_ERR_NO_RING')
    await ringConsensus.announce(known)
    if (ring.view?.ring === known || round === PROPOSAL_ATTEMPTS) return known
  }
}

/**
 * Has the members agree on the change; resolves with the newest ring before that, and the ring under which it
 * has begun, or is done already. Two equal requests may run at once. The later one finds the node already
 * gone: that is success, not "unknown node". Throws what `beginChange` throws, `KV_ERR_NO_RING`,
 * `KV_ERR_NODE_NAME`, `KV_ERR_NODE_NOT_READY`, `KV_ERR_MEMBERS`.
 */
export async function begin(
  app: ChangePorts,
  change: Change,
  timers = TIMERS
): Promise<{ before: Ring; after: Ring }> {
  let first: Ring | undefined
  const next = (ring: Ring) =>
    first !== undefined && !isDone(first, change) && isDone(ring, change) ? ring : beginChange(ring, change)
  for (let round = 1; ; round++) {
    const before = await newest(app)
    first ??= before
    const wanted = next(before)
    if (wanted === before) return { before, after: before }
    // What has to be done about a dead node does not wait for others that may be dead too.
    const isForced = change.kind === 'remove' && change.gone
    const ready =
      isForced ||
      (await Promise.all((wanted.pending ?? []).map(node => askReceiver(app, node, before, timers)))).every(
        Boolean
      )
    if (!ready && round < PROPOSAL_ATTEMPTS) continue
    const after = await app.ringConsensus.change(next)
    app.log.warn({ change, epoch: after.epoch, pending: after.pending }, 'the ring changes')
    return { before, after }
  }
}

/**
 * A receiver must answer, belong to no other cluster and hold nothing of before: a value that was deleted
 * since would come back with it. False: it has a newer ring, which is in force here then. Throws
 * `KV_ERR_NODE_NAME`, `KV_ERR_NODE_NOT_READY`.
 */
async function askReceiver(
  { peers, ring }: ChangePorts,
  node: string,
  before: Ring,
  timers: Timers
): Promise<boolean> {
  const endMs = performance.now() + TIDY_WAIT_MS
  try {
    for (;;) {
      const answer = JSON.parse(
        await peers.channel(node).call('/internal/tidy', { ring: ringToJson(before) }, TIDY_CALL_MS)
      ) as TidyAnswer
      if (answer.tidy) return true
      if (!('waitsFor' in answer)) {
        await ring.install(ringFromJson(answer.ring))
        return false
      }
      if (performance.now() > endMs) throw new Error(answer.waitsFor)
      await waitFor(TIDY_POLL_MS, timers)
    }
  } catch (error) {
    if (error instanceof KvError && error.code === 'KV_ERR_NODE_NAME') throw error
    throw new KvError(
      'KV_ERR_NODE_NOT_READY',
      `${node} is to receive pairs and is not ready: ${(error as Error).message}`
    )
  }
}

/**
 * Carries the change out; resolves when every reachable node routes by the new ring, with a warning if pairs
 * were lost. Throws what `begin` throws, `KV_ERR_RING_CONFLICT` when the change was given up,
 * `KV_ERR_CHANGE_GOES_ON` when it takes longer than a request can wait.
 */
export async function carryOut(app: FastifyInstance, change: Change): Promise<string | undefined> {
  const { ring, ringConsensus } = app
  const endMs = performance.now() + CHANGE_WAIT_MS
  const { before, after } = await begin(app, change)
  let latest = after
  while (!isDone(latest, change)) {
    if (latest.next === undefined) throw new KvError('KV_ERR_RING_CONFLICT', 'the change was given up')
    if (performance.now() > endMs) {
      throw new KvError('KV_ERR_CHANGE_GOES_ON', 'the change is not over yet and goes on; see /ring/changes')
    }
    await nextSwitch(app, latest, endMs)
    latest = ring.view?.ring ?? latest
  }
  await ringConsensus.announce(latest, before)
  return lossOf(before, change)
}

/** Resolves when this process has a newer ring than `known`, or the time is up. */
async function nextSwitch(
  { ring, ringConsensus }: FastifyInstance,
  known: Ring,
  endMs: number
): Promise<void> {
  const isNewer = () => ring.view !== undefined && compareRings(ring.view.ring, known) > 0
  while (!isNewer() && performance.now() < endMs) {
    const { switched } = ring
    const over = new AbortController()
    await Promise.race([switched, pause(CHANGE_LOOK_MS, undefined, { signal: over.signal }).catch(() => {})])
    over.abort()
    // A node that is on neither ring is not told of the steps, and one that is may have missed the word.
    if (!isNewer()) await Promise.race([switched, ringConsensus.announce(known)])
  }
}

/**
 * What the removal of a dead node has cost, where the dead were a majority of the replicas of some slot;
 * undefined: nothing.
 */
function lossOf(before: Ring, change: Change): string | undefined {
  if (change.kind !== 'remove' || !change.gone) return undefined
  const dead = [...new Set([...(before.gone ?? []), ...leaving(change)])]
  const isLost = (slot: number) => {
    const replicas = preferenceList(before.tokens, before.replicas, slot)
    return (
      replicas.some(node => leaving(change).includes(node)) &&
      replicas.filter(node => dead.includes(node)).length >= majority(replicas.length)
    )
  }
  return Array.from({ length: SLOTS }, (_, slot) => slot).some(isLost)
    ? `what only ${dead.join(' and ')} held is lost`
    : undefined
}
