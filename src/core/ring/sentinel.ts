// The ring record as a sentinel: beside the ring it says when this node last had a full look at what the
// other replicas hold. A tombstone lives for a day. A node that has not looked for nearly as long may hold a
// value whose tombstone is gone everywhere else, and would bring a deleted key back; so it counts as one that
// has forgotten.

import { CLOCK_SKEW_MAX_MS, REPAIR_TRUST_MS, SOURCE_TRUST_MS } from '../../limits.ts'
import { nodesOf, type Ring } from './ring.ts'
import { parseRing, ringToJson } from './ring-json.ts'

export interface Sentinel {
  readonly ring: Ring
  /** When the last complete look began, wall time; 0: unknown. */
  readonly repairedMs: number
}

/** The text of the ring record. */
export function sentinelText({ ring, repairedMs }: Sentinel): string {
  return JSON.stringify({ ...ringToJson(ring), repaired: repairedMs })
}

/** What the record says; undefined for a mark, or nothing. Throws `KV_ERR_RING_INVALID` for anything else. */
export function parseSentinel(text: string | undefined): Sentinel | undefined {
  if (text === undefined || !text.startsWith('{')) return undefined
  const ring = parseRing(text)
  const { repaired } = JSON.parse(text) as { repaired?: unknown }
  return { ring, repairedMs: typeof repaired === 'number' ? repaired : 0 }
}

/** Between which times by the clock on the wall what lies beside the record is trusted. */
export interface Trust {
  readonly fromMs: number
  readonly untilMs: number
}

/**
 * While every tombstone that this node may have missed can still be had from another replica. A look that is
 * still to come by the clock tells nothing: the clock has been set back since, nobody knows by how much more
 * than it seems.
 */
export function trustIn({ ring, repairedMs }: Sentinel): Trust {
  if (!canMissWrites(ring)) return { fromMs: -Infinity, untilMs: Infinity }
  return { fromMs: repairedMs - CLOCK_SKEW_MAX_MS, untilMs: repairedMs + REPAIR_TRUST_MS }
}

/**
 * As `trustIn`, for a node that is to receive slots in a change since `dueSinceMs`. Until all has come it may
 * hold pairs of sources that have missed deletes, and that were to be trusted for `SOURCE_TRUST_MS` still.
 * Within that time it has to complete a look at everything; else it begins anew.
 */
export function trustInReceiver(sentinel: Sentinel, dueSinceMs: number): Trust {
  const { fromMs, untilMs } = trustIn(sentinel)
  if (untilMs === Infinity) return { fromMs, untilMs }
  return { fromMs, untilMs: Math.min(untilMs, Math.max(sentinel.repairedMs, dueSinceMs) + SOURCE_TRUST_MS) }
}

/** As `trustIn` the record of this text; undefined where it is no ring, and all may have been forgotten. */
export function trustInText(text: string | undefined): Trust | undefined {
  try {
    const sentinel = parseSentinel(text)
    return sentinel && trustIn(sentinel)
  } catch {
    return undefined
  }
}

export function isTrusted(trust: Trust, nowMs: number): boolean {
  return nowMs > trust.fromMs && nowMs < trust.untilMs
}

/** With one or two replicas every write needs all of them, so none misses any. */
export function canMissWrites(ring: Ring): boolean {
  return copies(ring) > 2
}

/** How many replicas a key really has. */
export function copies(ring: Ring): number {
  return Math.min(ring.replicas, nodesOf(ring).length)
}
