// Timers that a test drives. Time passes as it does for a process that is awake, or jumps as it does for one
// that was held up.

import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { TIMERS, type Timers } from '../../../src/core/quorum/deadline.ts'
import { DEADLINE_STEP_MS } from '../../../src/limits.ts'

export interface DrivenTimers extends Timers {
  /** Time passes, and each timer is on time. */
  pass(ms: number): Promise<void>
  /** The process is held up for so long; then what became due meanwhile happens, all at once. */
  holdUp(ms: number): Promise<void>
}

interface Due {
  readonly atMs: number
  readonly act: () => void
}

export function createDrivenTimers(): DrivenTimers {
  const agenda = new Set<Due>()
  let nowMs = 0

  const next = (): Due | undefined => [...agenda].sort((a, b) => a.atMs - b.atMs)[0]

  async function run(due: Due): Promise<void> {
    agenda.delete(due)
    due.act()
    await settle()
  }

  return {
    after(ms, act) {
      const due = { atMs: nowMs + ms, act }
      agenda.add(due)
      return () => {
        agenda.delete(due)
      }
    },
    afterReading: setImmediate,
    every: TIMERS.every,
    async pass(ms) {
      const endMs = nowMs + ms
      await settle()
      for (let due = next(); due !== undefined && due.atMs <= endMs; due = next()) {
        nowMs = due.atMs
        await run(due)
      }
      nowMs = endMs
    },
    async holdUp(ms) {
      await settle()
      nowMs += ms
      for (const due of [...agenda].filter(({ atMs }) => atMs <= nowMs)) if (agenda.has(due)) await run(due)
    }
  }
}

/** Time passes by the mocked `setTimeout`, as it does for a process that is awake. */
export async function passMocked(ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= DEADLINE_STEP_MS) {
    mock.timers.tick(Math.min(leftMs, DEADLINE_STEP_MS))
    await settle()
  }
}

/** Lets everything run that waits for nothing from outside. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn()
}
