// The processes of the local cluster, in stages: a later stage needs the earlier ones, so stopping goes backwards.

import { setTimeout as pause } from 'node:timers/promises'
import { KvError } from '../errors.ts'
import { LOCAL_POLL_MS, LOCAL_READY_MS } from './limits.ts'
import { startChild, type Child, type ChildOptions } from './child.ts'

const STAGES = ['storage', 'node', 'front'] as const

export type Stage = typeof STAGES[number]

export interface Processes {
  launch (stage: Stage, options: ChildOptions): Promise<void>
  /**
   * Resolves when the condition holds; a rejection means not yet. They have no event, so they are looked at again and again.
   * Throws `KV_ERR_CONFIG` when it is late or when a process has died instead, and an `AbortError` when the signal aborts.
   */
  until (what: string, condition: () => Promise<boolean>): Promise<void>
  /** From now on a death is reported, in one line, and changes nothing else. */
  settle (): void
  stop (): Promise<void>
}

/** No processes yet. The signal ends every wait. */
export function createProcesses (signal: AbortSignal, report: (line: string) => void): Processes {
  const children: Array<{ readonly stage: Stage, readonly child: Child }> = []
  let settled = false
  const checkAlive = (): void => {
    const dead = children.find(({ child }) => !child.running)?.child
    if (dead !== undefined) throw new KvError('KV_ERR_CONFIG', `${dead.name} did not start: ${dead.lastWords}`)
  }

  return {
    async launch (stage, options) {
      signal.throwIfAborted()
      const child = await startChild(options)
      children.push({ stage, child })
      child.ended.then(() => {
        if (settled && !signal.aborted) report(`${child.name} ended by itself (${child.lastWords}); the rest goes on`)
      }, () => {})
    },
    async until (what, condition) {
      const lateMs = performance.now() + LOCAL_READY_MS
      while (!await condition().catch(() => false)) {
        signal.throwIfAborted()
        checkAlive()
        if (performance.now() > lateMs) throw new KvError('KV_ERR_CONFIG', `waited ${LOCAL_READY_MS / 1000} s in vain until ${what}`)
        await pause(LOCAL_POLL_MS, undefined, { signal })
      }
    },
    settle () {
      settled = true
    },
    async stop () {
      for (const stage of STAGES.toReversed()) {
        await Promise.all(children.filter((each) => each.stage === stage && each.child.running).map(({ child }) => child.stop()))
      }
    }
  }
}
