// The receiving end of a copy: the pairs of some slots come from another node as one stream and are merged as
// they come, so many at a time that the storage is busy and memory stays small. Merging is idempotent: a
// stream that breaks is simply begun again.

import { setTimeout as pause } from 'node:timers/promises'
import { type FastifyInstance } from 'fastify'
import { COORDINATOR_ROUNDS, REPAIR_TRUST_MS } from '../../src/limits.ts'
import { PULL_BYTES_IN_FLIGHT, PULL_IN_FLIGHT, PULL_STALL_MS } from '../../src/core/copying/limits.ts'
import { createPairDecoder } from '../../src/core/messages/pair-stream.ts'
import { type Pull } from '../../src/core/copying/fetching.ts'
import { type Pair } from '../../src/core/ports.ts'
import { sameShape, type Ring } from '../../src/core/ring/ring.ts'
import { ringToJson } from '../../src/core/ring/ring-json.ts'
import { type NoRoom } from './room.ts'

/** How many pairs a source reckons that it will send. */
export const EXPECTED_HEADER = 'x-expected-pairs'

/**
 * For how long the source is still sure to get every tombstone that it missed, in milliseconds or `Infinity`;
 * 0: it has lost its memory.
 */
export const TRUSTED_HEADER = 'x-trusted-ms'

/** Told of what comes, for whoever wants to know how far a copy is. */
export interface Meter {
  expect?(keys: number): void
  count?(keys: number, bytes: number): void
  waitFor(why: string): void
}

/** What a pull needs of the application. */
export type PullPorts = Pick<FastifyInstance, 'ring' | 'storage' | 'peers' | 'pace' | 'clock' | 'log'>

export interface PullOptions {
  readonly meter?: Meter
  /** What becomes of pairs for which there is no room here; without it, they are an error. */
  readonly noRoom?: NoRoom
  /** Takes pairs only from sources that remember, and as long as they do; without it, from all. */
  readonly trust?: SourceTrust
}

export interface SourceTrust {
  /** How long a source must be sure of what it missed. */
  readonly leastMs: number
  /**
   * Told until when a source is that gives pairs, by the clock on the wall: what comes of it counts only if
   * all has come by then.
   */
  until(untilMs: number): void
}

export function createPull(app: PullPorts, { meter, noRoom, trust }: PullOptions = {}): Pull {
  const { peers, pace, clock, log } = app

  /**
   * Until when the pairs of a source may be merged. A value may have been deleted without it, and the
   * tombstone is forgotten a day later.
   */
  function mayGiveUntil(askedMs: number, trustedMs: number): number {
    const longestMs = askedMs + REPAIR_TRUST_MS
    if (trust === undefined) return longestMs
    if (!(trustedMs > trust.leastMs)) {
      throw new Error(
        'it has lost its memory, or has been out of touch for long, and is fetching what it lacks'
      )
    }
    const untilMs = Math.min(askedMs + trustedMs, longestMs)
    trust.until(untilMs)
    return untilMs
  }

  return async (source, ring, ranges) => {
    const merger = createMerger(pairs => mergeUnder(app, ring, pairs, noRoom))
    const decoder = createPairDecoder()
    try {
      const askedMs = clock.wallMs()
      const { headers, body } = await peers
        .channel(source)
        .stream('/internal/pull', { ring: ringToJson(ring), ranges }, PULL_STALL_MS)
      let beganMs = performance.now()
      let untilMs: number | undefined
      for await (const chunk of body) {
        if (untilMs === undefined) {
          untilMs = mayGiveUntil(askedMs, Number(headers[TRUSTED_HEADER] ?? 0))
          meter?.expect?.(Number(headers[EXPECTED_HEADER] ?? 0))
        }
        if (clock.wallMs() >= untilMs) throw new Error('it takes so long that tombstones may be gone')
        const pairs = decoder.push(chunk)
        const turn = merger.merge(pairs, chunk.length)
        if (turn !== undefined) await turn
        meter?.count?.(pairs.length, chunk.length)
        const restMs = pace.restMs(performance.now() - beganMs, chunk.length)
        if (restMs >= 1) await pause(restMs)
        beganMs = performance.now()
      }
      await merger.end()
      const end = decoder.finish()
      if (ranges.length > 0) {
        log.info(
          { source, pairs: end.pairs, remembers: end.remembers },
          'fetched the pairs of another replica'
        )
      }
      if (!end.remembers) meter?.waitFor(`${source} has lost its memory and is fetching it`)
      return end
    } catch (error) {
      log.warn({ source, err: error }, 'the pairs of another replica could not be fetched')
      meter?.waitFor(`${source}: ${(error as Error).message}`)
      // If it has a newer ring, that is better learned now than by gossip.
      await peers
        .channel(source)
        .greet()
        .catch(() => {})
      return undefined
    }
  }
}

/**
 * Merges pairs as an operation in flight, so that a ring by which this node may have to purge them comes into
 * force afterwards. Resolves with what went wrong: not all were stored, or such a ring has come and nothing
 * was merged.
 */
async function mergeUnder(
  { ring: installed, storage }: PullPorts,
  ring: Ring,
  pairs: readonly Pair[],
  noRoom?: NoRoom
): Promise<Error | undefined> {
  for (let round = 0; round < COORDINATOR_ROUNDS; round++) {
    const { view } = installed
    if (view === undefined || !sameShape(view.ring, ring)) break
    const merged = await installed.within(view.ring, async () => ({ failure: await storage.mergeAll(pairs) }))
    if (merged === undefined) continue
    if (merged.failure?.reason === 'full' && noRoom !== undefined) return noRoom(pairs)
    return merged.failure && new Error(`a pair could not be stored: ${merged.failure.reason}`)
  }
  return new Error('the ring has changed meanwhile')
}

/** Merges pairs, a bounded number at a time. */
function createMerger(mergeAll: (pairs: readonly Pair[]) => Promise<Error | undefined>) {
  const state = { pairs: 0, bytes: 0, failure: undefined as Error | undefined, wake: () => {} }

  const isFull = () => state.pairs >= PULL_IN_FLIGHT || state.bytes >= PULL_BYTES_IN_FLIGHT

  function ended(pairs: number, bytes: number, failure: Error | undefined): void {
    state.pairs -= pairs
    state.bytes -= bytes
    state.failure ??= failure
    state.wake()
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition() && state.failure === undefined) {
      await new Promise<void>(resolve => {
        state.wake = resolve
      })
    }
    if (state.failure !== undefined) throw state.failure
  }

  return {
    /**
     * Begins to merge pairs of so many bytes; a promise where the caller should wait before the next. Rejects
     * when a pair could not be stored.
     */
    merge(pairs: readonly Pair[], bytes: number): Promise<void> | undefined {
      state.pairs += pairs.length
      state.bytes += bytes
      mergeAll(pairs).then(
        failure => ended(pairs.length, bytes, failure),
        (error: Error) => ended(pairs.length, bytes, error)
      )
      return isFull() ? until(() => !isFull()) : undefined
    },
    end: () => until(() => state.pairs === 0)
  }
}
