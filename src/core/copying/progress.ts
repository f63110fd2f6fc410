// How far a receiver is with a change, as it tells whoever asks.

import { type Ring } from '../ring/ring.ts'

export interface Progress {
  /** The change: the generation of its ring, and the epoch at which it began. */
  readonly generation: number
  readonly since: number
  readonly keys: number
  readonly bytes: number
  /** What the sources reckoned there is, before they looked. */
  readonly expectedKeys: number
  readonly elapsedMs: number
  readonly done: boolean
  /** Why it has to wait, in words for an operator. */
  readonly waitsFor?: string
}

/** True if the progress is of the change of `ring`. */
export function isProgressOf(progress: Progress | undefined, ring: Ring): progress is Progress {
  return progress !== undefined && progress.generation === ring.generation && progress.since === ring.since
}
