// Counts what a receiver gets and tells the node's keeper now and then, so that whichever process is asked
// knows.

import { TIMERS } from '../../src/core/quorum/deadline.ts'
import { type Progress } from '../../src/core/copying/progress.ts'
import { type Ring } from '../../src/core/ring/ring.ts'
import { PROGRESS_MS } from '../../src/core/copying/limits.ts'
import { type Meter } from './pull.ts'

export interface ReceiverMeter extends Meter {
  counted(): { readonly keys: number; readonly bytes: number; readonly elapsedMs: number }
  /** The attempt is over. */
  end(done: boolean): void
  stop(): void
}

export function createMeter(
  ring: Ring,
  report: (progress: Progress) => void,
  timers = TIMERS
): ReceiverMeter {
  const beganMs = performance.now()
  let keys = 0
  let bytes = 0
  let expectedKeys = 0
  let done = false
  let waitsFor: string | undefined

  const counted = () => ({ keys, bytes, elapsedMs: Math.round(performance.now() - beganMs) })

  function tell(): void {
    report({
      generation: ring.generation,
      since: ring.since ?? 0,
      ...counted(),
      expectedKeys,
      done,
      ...(waitsFor !== undefined && { waitsFor })
    })
  }

  const stop = timers.every(PROGRESS_MS, tell)
  tell()
  return {
    expect(more) {
      expectedKeys += more
    },
    count(moreKeys, moreBytes) {
      keys += moreKeys
      bytes += moreBytes
    },
    waitFor(why) {
      waitsFor = why
    },
    counted,
    end(isDone) {
      done = isDone
      if (done) waitsFor = undefined
      tell()
    },
    stop
  }
}
