// The ring record as a sentinel: beside the ring it says when this node last had a full look at what the other replicas hold.
// A tombstone lives for a day. A node that has not looked for nearly as long may hold a value whose tombstone is gone
// everywhere else, and would bring a deleted key back; so it counts as one that has forgotten.

import { CLOCK_SKEW_MAX_MS, REPAIR_TRUST_MS } from '../limits.ts'
import { nodesOf, parseRing, ringToJson, type Ring } from './ring.ts'

export interface Sentinel {
  readonly ring: Ring
  /** When the last complete look began, wall time; 0: unknown. */
  readonly repairedMs: number
}

/** The text of the ring record. */
export function sentinelText ({ ring, repairedMs }: Sentinel): string {
  return JSON.stringify({ ...ringToJson(ring), repaired: repairedMs })
}

/** What the record says; undefined for a mark, or nothing. Throws `KV_ERR_RING_INVALID` for anything else. */
export function parseSentinel (text: string | undefined): Sentinel | undefined {
  if (text === undefined || !text.startsWith('{')) return undefined
  const ring = parseRing(text)
  const { repaired } = JSON.parse(text) as { repaired?: unknown }
  return { ring, repairedMs: typeof repaired === 'number' ? repaired : 0 }
}

/**
 * True if every tombstone that this node may have missed can still be had from another replica. A look that is still to come by the clock tells nothing: the
 * clock has been set back since, nobody knows by how much more than it seems.
 */
export function isTrusted ({ ring, repairedMs }: Sentinel, nowMs: number): boolean {
  return !canMissWrites(ring) || (nowMs - repairedMs < REPAIR_TRUST_MS && repairedMs - nowMs < CLOCK_SKEW_MAX_MS)
}

/** With one or two replicas every write needs all of them, so none misses any. */
export function canMissWrites (ring: Ring): boolean {
  return copies(ring) > 2
}

/** How many replicas a key really has. */
export function copies (ring: Ring): number {
  return Math.min(ring.replicas, nodesOf(ring).length)
}
