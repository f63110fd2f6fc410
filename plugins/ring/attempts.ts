// When to begin again what did not come to its end: each further failure puts the next attempt off by more looks.

import { FETCH_LOOKS_SKIPPED } from '../../src/limits.ts'

export interface Attempts {
  readonly underWay: boolean
  /** False: one is under way, or it is too early; to be asked again at the next look. */
  begin (): boolean
  end (done: boolean): void
  /** What failed before tells nothing any more. */
  reset (): void
}

export function createAttempts (): Attempts {
  let failures = 0
  let looksToSkip = 0
  let underWay = false
  return {
    get underWay () { return underWay },
    begin () {
      if (underWay || looksToSkip-- > 0) return false
      underWay = true
      return true
    },
    end (done) {
      underWay = false
      failures = done ? 0 : failures + 1
      looksToSkip = Math.min(2 ** Math.max(failures - 2, 0) - 1, FETCH_LOOKS_SKIPPED)
    },
    reset () {
      failures = 0
      looksToSkip = 0
    }
  }
}
