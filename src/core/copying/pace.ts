// The pace of background copying: it takes a share of the time that shrinks by half whenever clients'
// requests take longer than they usually do, and grows again by small steps (additive increase,
// multiplicative decrease; Chiu and Jain, 1989).

import {
  PACE_REST_MS,
  PACE_SAMPLES_MAX,
  PACE_SAMPLES_MIN,
  PACE_SHARE_MIN,
  PACE_TOLERANCE,
  PACE_TOLERANCE_MS,
  PACE_WINDOW_MS
} from './limits.ts'

export interface Pace {
  /** A client's request took so long, milliseconds. */
  observe(tookMs: number): void
  /** How long copying rests after a batch of so many bytes that took `workMs`. */
  restMs(workMs: number, bytes: number): number
  /** The share of the time that copying may take now, from 0 to 1. */
  readonly share: number
}

/**
 * What the level of quiet times weighs against a window of them, and against one in which copying went on.
 */
const LEARN_QUIET = 0.2
const LEARN_BUSY = 0.01
const STEP = 0.1

export function createPace(nowMs: () => number, copyBytesPerS: number): Pace {
  let samples: number[] = []
  let usualMs: number | undefined
  let copied = false
  let share = 0.5
  let windowEndMs = nowMs() + PACE_WINDOW_MS

  function closeWindow(): void {
    const taken = samples.sort((a, b) => a - b)
    samples = []
    if (taken.length < PACE_SAMPLES_MIN) {
      if (copied) share = Math.min(1, share + STEP)
    } else {
      const highMs = taken[Math.ceil(taken.length * 0.99) - 1] as number
      usualMs ??= highMs
      if (copied) {
        share =
          highMs > usualMs * PACE_TOLERANCE + PACE_TOLERANCE_MS
            ? Math.max(PACE_SHARE_MIN, share / 2)
            : Math.min(1, share + STEP)
      }
      usualMs += (highMs - usualMs) * (copied ? LEARN_BUSY : LEARN_QUIET)
    }
    copied = false
  }

  function look(): void {
    const now = nowMs()
    if (now < windowEndMs) return
    closeWindow()
    windowEndMs = now + PACE_WINDOW_MS
  }

  return {
    observe(tookMs) {
      look()
      if (samples.length < PACE_SAMPLES_MAX) samples.push(tookMs)
    },
    restMs(workMs, bytes) {
      look()
      copied = true
      const forClients = Math.min(PACE_REST_MS, (workMs * (1 - share)) / share)
      return Math.max(forClients, (bytes / copyBytesPerS) * 1000 - workMs)
    },
    get share() {
      return share
    }
  }
}
