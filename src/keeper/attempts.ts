// When to begin again what did not come to its end: each further failure puts the next attempt off by more
// looks.

import { type FastifyBaseLogger } from 'fastify'
import { FETCH_LOOKS_SKIPPED } from '../core/copying/limits.ts'

export interface Attempts {
  /** What is under way, as `begin` was told. */
  readonly underWay: string | undefined
  /**
   * Begins work that tells whether it is done, unless some is under way or it is too early: to be asked again
   * at the next look. `what` is for the log.
   */
  begin(what: string, work: () => Promise<boolean>): void
  /** What is under way counts as failed, however it ends. */
  abandon(): void
  /** What failed before tells nothing any more. */
  reset(): void
}

export function createAttempts(log: FastifyBaseLogger): Attempts {
  let failures = 0
  let looksToSkip = 0
  let underWay: { readonly what: string } | undefined

  function end(done: boolean): void {
    underWay = undefined
    failures = done ? 0 : failures + 1
    looksToSkip = Math.min(2 ** Math.max(failures - 2, 0) - 1, FETCH_LOOKS_SKIPPED)
  }

  return {
    get underWay() {
      return underWay?.what
    },
    begin(what, work) {
      if (underWay !== undefined || looksToSkip-- > 0) return
      const mine = { what }
      underWay = mine
      work()
        .catch(error => {
          log.warn({ err: error }, `${what} was interrupted and will be tried again`)
          return false
        })
        .then(done => {
          if (underWay === mine) end(done)
        })
    },
    abandon: () => end(false),
    reset() {
      failures = 0
      looksToSkip = 0
    }
  }
}
