// The commands of one connection that have no answer yet, in the order of their answers: first those that
// were written, batch by batch, then those that wait for the next write.

import { failed, type Failed } from '../../core/ports.ts'
import { createFifo } from './fifo.ts'
import { STORAGE_IN_FLIGHT } from './limits.ts'
import { type Reply } from './protocol.ts'

export type Verb = 'get' | 'add' | 'cas' | 'delete' | 'discard' | 'stats'
export type Done = (reply: Reply | Failed) => void

export interface Command {
  readonly verb: Verb
  readonly name: string
  readonly done: Done
  /** Others who asked for the same before it was written. */
  sharers?: Done[]
}

export interface Flight {
  readonly length: number
  /** How many have not been written. */
  readonly unwritten: number
  /** When the oldest of those that were written was; undefined: there is none. */
  readonly sinceMs: number | undefined
  /** What the next answer is to; undefined: nothing that was written. */
  readonly first: Command | undefined
  enter(verb: Verb, name: string, done: Done): void
  /**
   * Lets a get of this name that has not been written answer `done` as well: it is carried out after both
   * have begun, so its answer is as good for both. False: there is none.
   */
  share(name: string, done: Done): boolean
  /** All commands have been written. */
  wrote(nowMs: number): void
  /** Takes the first of those that were written. */
  shift(): Command | undefined
  /** Fails them all: what was written as `timeout`, the rest as `unreachable`. */
  failAll(): void
}

/** Answers a command. */
export function settle({ done, sharers }: Command, reply: Reply | Failed): void {
  done(reply)
  if (sharers !== undefined) for (const sharer of sharers) sharer(reply)
}

export function createFlight(): Flight {
  const commands = createFifo<Command>()
  /** For each write, when it was and how many of its commands are left. */
  const batches = createFifo<{ readonly atMs: number; left: number }>()
  let unwrittenGets = new Map<string, Command>()
  let unwritten = 0

  // A new map, since one that lives for long keeps, emptied or not, what it held from the young generation's
  // cheap collection.
  function forgetGets(): void {
    if (unwrittenGets.size > 0) unwrittenGets = new Map()
  }

  return {
    get length() {
      return commands.length
    },
    get unwritten() {
      return unwritten
    },
    get sinceMs() {
      return batches.peek()?.atMs
    },
    get first() {
      return commands.length > unwritten ? commands.peek() : undefined
    },
    enter(verb, name, done) {
      const command: Command = { verb, name, done }
      commands.push(command)
      unwritten++
      if (verb === 'get') unwrittenGets.set(name, command)
    },
    share(name, done) {
      const same = unwrittenGets.get(name)
      if (same === undefined) return false
      same.sharers ??= []
      if (same.sharers.length < STORAGE_IN_FLIGHT) same.sharers.push(done)
      else done(failed('overloaded'))
      return true
    },
    wrote(atMs) {
      batches.push({ atMs, left: unwritten })
      unwritten = 0
      forgetGets()
    },
    shift() {
      if (commands.length === unwritten) return undefined
      const batch = batches.peek()
      if (batch !== undefined && --batch.left === 0) batches.shift()
      return commands.shift()
    },
    failAll() {
      forgetGets()
      while (commands.length > 0) {
        const reason = commands.length > unwritten ? 'timeout' : 'unreachable'
        settle(commands.shift() as Command, failed(reason))
      }
    }
  }
}
