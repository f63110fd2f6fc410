// Waits that end. A process may be held up itself: stopped, paused with its whole machine, or starved. It
// must not take that time for the silence of others. So a wait counts only short steps, each at its nominal
// length however late it ends, and what has arrived meanwhile is read before anybody is called late.

import { DEADLINE_STEP_MS } from '../../limits.ts'

/** The way to wait; a simulation brings its own. */
export interface Timers {
  /** Calls `act` once, after so long. What it returns calls that off. */
  after(ms: number, act: () => void): () => void
  /** Calls `act` once what has arrived by now has been read. */
  afterReading(act: () => void): void
  /** Calls `act` again and again, but does not keep the process alive. What it returns ends that. */
  every(ms: number, act: () => void): () => void
}

export const TIMERS: Timers = {
  after(ms, act) {
    const timer = setTimeout(act, ms)
    return () => clearTimeout(timer)
  },
  // Node reads its sockets between its timers and its immediates.
  afterReading: setImmediate,
  every(ms, act) {
    const timer = setInterval(act, ms).unref()
    return () => clearInterval(timer)
  }
}

/** Resolves after so long. */
export function pause(ms: number, timers = TIMERS): Promise<void> {
  return new Promise(resolve => {
    timers.after(ms, resolve)
  })
}

/** Calls `late` once this process has been awake for `timeoutMs`. What it returns calls that off. */
export function startDeadline(timeoutMs: number, late: () => void, timers = TIMERS): () => void {
  let leftMs = timeoutMs
  let over = false
  let callOff = () => {}

  function wait(): void {
    const stepMs = Math.min(leftMs, DEADLINE_STEP_MS)
    leftMs -= stepMs
    callOff = timers.after(stepMs, leftMs > 0 ? wait : judge)
  }

  function judge(): void {
    timers.afterReading(() => {
      if (!over) late()
    })
  }

  wait()
  return () => {
    over = true
    callOff()
  }
}

/**
 * A clock that stands still, but for a step, while this process is held up. It is for ages that are looked at
 * again and again. Its owner has to read it at least every half step.
 */
export function createAwakeClock(nowMs: () => number): () => number {
  let lastMs = nowMs()
  let awakeMs = 0
  return () => {
    const readMs = nowMs()
    awakeMs += Math.min(readMs - lastMs, DEADLINE_STEP_MS)
    lastMs = readMs
    return awakeMs
  }
}

/** What comes of the promise, or `late()` thrown when the time is up. What it waited for goes on. */
export async function withDeadline<T>(
  promise: Promise<T>,
  timeoutMs: number,
  late: () => Error,
  timers = TIMERS
): Promise<T> {
  let callOff = () => {}
  const end = new Promise<never>((_resolve, reject) => {
    callOff = startDeadline(timeoutMs, () => reject(late()), timers)
  })
  try {
    return await Promise.race([promise, end])
  } finally {
    callOff()
  }
}
