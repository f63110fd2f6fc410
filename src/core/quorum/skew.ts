// How far clocks are apart. A greeting brings the other node's wall time back, which was read at some moment
// between sending and receiving.

import { CLOCK_SKEW_MAX_MS } from '../../limits.ts'

export interface Skew {
  /** How far the other clock is ahead of this one; negative: behind. */
  readonly aheadMs: number
  /** It may be so much more or less. */
  readonly uncertainMs: number
}

/**
 * What an answer tells that was received at `receivedMs` by this clock, `tookMs` after its question was sent.
 */
export function skewOf(theirsMs: number, receivedMs: number, tookMs: number): Skew {
  return { aheadMs: theirsMs - (receivedMs - tookMs / 2), uncertainMs: tookMs / 2 }
}

/**
 * How far this node's clock is ahead of those of most nodes (negative: behind), if that is more than the
 * bound; `aheadMs` are the other clocks that are known. Undefined: it is not, or no majority of `nodes`
 * agrees on the time, so nobody can tell whose clock is off.
 */
export function offBy(aheadMs: readonly number[], nodes: number): number | undefined {
  const clocks = [0, ...aheadMs].sort((a, b) => a - b)
  // A majority that agrees has the middle one in it.
  const middle = clocks[clocks.length >> 1] as number
  const agreeing = clocks.filter(clock => Math.abs(clock - middle) <= CLOCK_SKEW_MAX_MS).length
  return agreeing > nodes / 2 && Math.abs(middle) > CLOCK_SKEW_MAX_MS ? -middle : undefined
}
