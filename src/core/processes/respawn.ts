// The pause before a process is started in place of one that ended, for workers and for the local cluster's
// HAProxy.

import { RESPAWN_MAX_MS, RESPAWN_MIN_MS } from './limits.ts'

/**
 * Grows with each that did not live long: one that ends at once must not keep the machine busy. `beforeMs`:
 * the pause before the one that ended.
 */
export function respawnPauseMs(livedMs: number, beforeMs: number): number {
  return livedMs > RESPAWN_MAX_MS ? RESPAWN_MIN_MS : Math.min(beforeMs * 2, RESPAWN_MAX_MS)
}
