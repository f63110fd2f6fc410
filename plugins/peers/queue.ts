// Operations for one node that wait for a frame, in the order in which they came. Gets of one key that wait
// at the same time become one: it is carried out after all of them have begun, so its answer is as good for
// each.

import { type FailureReason } from '../../src/core/ports.ts'
import { compareRings, type Ring } from '../../src/core/ring/ring.ts'
import { operationBytes, type Answer, type NoRoom, type Operation } from '../../src/core/messages/frame.ts'
import { FRAME_OPS } from '../../src/limits.ts'
import { FRAME_BYTES, PEER_QUEUE, PEER_QUEUE_BYTES } from './limits.ts'

/** What does not fit in a reply is asked for again until it does, or fails as overloaded. */
export type Outcome = Exclude<Answer, NoRoom>

export interface Waiting {
  readonly ring: Ring
  readonly operation: Operation
  /** Its length in a frame. */
  readonly bytes: number
  readonly sinceMs: number
  readonly attempt: number
  /** Why it fails if its time is over before it is sent again. */
  readonly otherwise: FailureReason
  readonly callers: Array<(outcome: Outcome) => void>
}

export interface Queue {
  readonly length: number
  /** False: it is full, and nothing was done. */
  enter(ring: Ring, operation: Operation, caller: (outcome: Outcome) => void): boolean
  /** Puts back what was taken; for what is to be sent once more. */
  return(waiting: Waiting): void
  /**
   * Takes the operations of the next frame: all under one ring, within the bounds of a frame. The queue must
   * not be empty.
   */
  takeFrame(): Waiting[]
  takeAll(): Waiting[]
}

/** `nowMs` is the clock by which operations grow old. */
export function createQueue(nowMs: () => number): Queue {
  let list: Waiting[] = []
  /** Those of `list` that are gets, by their keys; of several under different rings the last. */
  const gets = new Map<string, Waiting>()
  let callers = 0
  let bytes = 0

  function take(count: number): Waiting[] {
    const taken = list.slice(0, count)
    list = list.slice(count)
    for (const waiting of taken) {
      const { key } = waiting.operation
      if (gets.get(key) === waiting) gets.delete(key)
      callers -= waiting.callers.length
      bytes -= waiting.bytes
    }
    return taken
  }

  return {
    get length() {
      return list.length
    },
    enter(ring, operation, caller) {
      if (callers >= PEER_QUEUE) return false
      const isGet = operation.record === undefined
      const same = isGet ? gets.get(operation.key) : undefined
      if (same !== undefined && compareRings(same.ring, ring) === 0) {
        callers++
        same.callers.push(caller)
        return true
      }
      const length = operationBytes(operation)
      if (bytes + length > PEER_QUEUE_BYTES) return false
      callers++
      bytes += length
      const waiting: Waiting = {
        ring,
        operation,
        bytes: length,
        sinceMs: nowMs(),
        attempt: 0,
        otherwise: 'unreachable',
        callers: [caller]
      }
      list.push(waiting)
      if (isGet) gets.set(operation.key, waiting)
      return true
    },
    return(waiting) {
      list.push(waiting)
      callers += waiting.callers.length
      bytes += waiting.bytes
    },
    takeFrame: () => take(lengthOfFrame(list)),
    takeAll: () => take(list.length)
  }
}

function lengthOfFrame(list: readonly Waiting[]): number {
  const first = list[0] as Waiting
  let bytes = 0
  let count = 0
  for (const waiting of list) {
    bytes += waiting.bytes
    if (
      count === FRAME_OPS ||
      (count > 0 && bytes > FRAME_BYTES) ||
      compareRings(waiting.ring, first.ring) !== 0
    ) {
      break
    }
    count++
  }
  return count
}
