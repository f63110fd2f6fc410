// The pause before another attempt, as a function of how many have failed.

import { RECONNECT_MAX_MS, RECONNECT_MIN_MS } from './limits.ts'

/**
 * Milliseconds to wait after so many failures in a row (1 or more): doubling, bounded, and spread by `random`
 * (0 to 1) over the upper half, so that processes which failed together do not all come back together.
 */
export function backoffMs(failures: number, random: number): number {
  const pauseMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** (failures - 1))
  return (pauseMs * (1 + random)) / 2
}
