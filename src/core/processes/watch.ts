// The watch over another process of the same node: it is asked for a sign of life again and again, and its
// silence is told.

import { BEAT_MS } from './limits.ts'
import { startDeadline, TIMERS, type Timers } from '../quorum/deadline.ts'

export interface Watched {
  /** Resolves when the other process has answered; rejects once it is gone. */
  beat(): Promise<unknown>
  readonly silentMs: number
  /** It has been silent for `silentMs`. */
  silent(): void
  /** It answers again. */
  back(): void
  /** It has been silent for so long that it is asked no more. Absent: that never happens. */
  readonly lost?: { readonly afterMs: number; tell(): void }
}

/** Ends when the process is gone or lost. Never rejects. */
export async function watch(
  { beat, silentMs, silent, back, lost }: Watched,
  timers: Timers = TIMERS
): Promise<void> {
  try {
    for (;;) {
      const sign = beat()
      if (!(await comesWithin(silentMs, sign, timers))) {
        silent()
        if (lost === undefined) await sign
        else if (!(await comesWithin(lost.afterMs - silentMs, sign, timers))) return lost.tell()
        back()
      }
      await new Promise<void>(resolve => {
        timers.after(BEAT_MS, resolve)
      })
    }
  } catch {
    // It is gone. The process that started it hears that in another way.
  }
}

function comesWithin(ms: number, sign: Promise<unknown>, timers: Timers): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const callOff = startDeadline(ms, () => resolve(false), timers)
    sign.then(() => resolve(true), reject).finally(callOff)
  })
}
