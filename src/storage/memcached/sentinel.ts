// Which memory answers: the bookkeeping behind `Storage.incarnation`. The number must never stay the same
// across a loss of what Memcached held, even if another process has written the sentinel again before this
// one looked. Nor may it outlast the time for which the sentinel vouches, as on a machine that slept.

import { isTrusted, trustInText, type Trust } from '../../core/ring/sentinel.ts'

export interface Sentinel {
  /**
   * 0: what was acknowledged may have been forgotten, or deleted without this node. Else a number that no
   * earlier memory had.
   */
  readonly incarnation: number
  /** As `Storage.trustedUntilMs`. */
  readonly trustedUntilMs: number
  /** A new connection to this instance met this under the ring's name. */
  greeted(instance: string, ring: Buffer | undefined): void
  /** So did a look over a connection that was there already. */
  looked(instance: string, ring: Buffer | undefined): void
}

export function createSentinel(wallMs: () => number): Sentinel {
  let trust: Trust | undefined
  let number = 0
  let current: string | undefined

  const isGood = () => trust !== undefined && isTrusted(trust, wallMs())

  function see(ring: Buffer | undefined, same: boolean): void {
    if (!isGood() || !same) number++
    trust = trustInText(ring?.toString())
  }

  return {
    get incarnation() {
      return isGood() ? number : 0
    },
    get trustedUntilMs() {
      return trust?.untilMs ?? 0
    },
    greeted(instance, ring) {
      see(ring, instance === current)
      current = instance
    },
    looked(instance, ring) {
      // An answer that the instance before the present one left in a socket says nothing about the present
      // one.
      if (instance === current) see(ring, true)
    }
  }
}
