// Which memory answers: the bookkeeping behind `Storage.memory`. The number must never stay the same across a loss of
// what Memcached held, even if another process has written the sentinel again before this one looked.

/** True if what lies under the ring's name says that the pairs beside it are those that were acknowledged. */
export function isSentinel (ring: Buffer | undefined): boolean {
  return ring !== undefined && ring[0] === 0x7b
}

export interface Sentinel {
  /** 0: what was acknowledged may have been forgotten. Else a number that no earlier memory had. */
  readonly memory: number
  /** A new connection to this instance saw the sentinel, or did not. */
  greeted (instance: string, present: boolean): void
  /** So did a look over a connection that was there already. */
  looked (instance: string, present: boolean): void
}

export function createSentinel (): Sentinel {
  let memory = 0
  let last = 0
  let current: string | undefined

  function see (present: boolean, same: boolean): void {
    if (!present) memory = 0
    else if (memory === 0 || !same) memory = ++last
  }

  return {
    get memory () { return memory },
    greeted (instance, present) {
      see(present, instance === current)
      current = instance
    },
    looked (instance, present) {
      // An answer that the instance before the present one left in a socket says nothing about the present one.
      if (instance === current) see(present, true)
    }
  }
}
