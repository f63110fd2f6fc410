// The processes of the local cluster, in stages: a later stage needs the earlier ones, so stopping goes
// backwards.

import { setTimeout as pause } from 'node:timers/promises'
import { KvError } from '../../errors.ts'
import { RESPAWN_MIN_MS } from '../../core/processes/limits.ts'
import { respawnPauseMs } from '../../core/processes/respawn.ts'
import { LOCAL_POLL_MS, LOCAL_READY_MS } from './limits.ts'
import { startChild, type Child, type ChildOptions } from './child.ts'

const STAGES = ['storage', 'node', 'front'] as const

export type Stage = (typeof STAGES)[number]

export interface Processes {
  launch(stage: Stage, options: ChildOptions): Promise<void>
  /**
   * Resolves when the condition holds; a rejection means not yet. They have no event, so they are looked at
   * again and again. Throws `KV_ERR_CONFIG` when it is late or when a process has died instead, and an
   * `AbortError` when the signal aborts.
   */
  until(what: string, condition: () => Promise<boolean>): Promise<void>
  /**
   * From now on a death is reported, in one line. What stands in front is alone, and started again; of the
   * others there are several, and what one had in memory would not come back with it.
   */
  settle(): void
  stop(): Promise<void>
}

/** No processes yet. The signal ends every wait. */
export function createProcesses(signal: AbortSignal, report: (line: string) => void): Processes {
  const children: Array<{ readonly stage: Stage; readonly child: Child }> = []
  let settled = false
  /** What is being started again. */
  let restart: Promise<void> | undefined
  const checkAlive = (): void => {
    const dead = children.find(({ child }) => !child.running)?.child
    if (dead !== undefined) {
      throw new KvError('KV_ERR_CONFIG', `${dead.name} did not start: ${dead.lastWords}`)
    }
  }

  async function launch(stage: Stage, options: ChildOptions, pauseMs = RESPAWN_MIN_MS): Promise<void> {
    signal.throwIfAborted()
    const bornMs = performance.now()
    const child = await startChild(options)
    const entry = { stage, child }
    children.push(entry)
    child.ended.then(
      () => {
        if (!settled || signal.aborted) return
        children.splice(children.indexOf(entry), 1)
        const isAlone = stage === 'front'
        report(
          `${child.name} ended by itself (${child.lastWords})` +
            `${isAlone ? ' and is started again' : ''}; the rest goes on`
        )
        if (isAlone) {
          restart = launchAgain(stage, options, respawnPauseMs(performance.now() - bornMs, pauseMs))
        }
      },
      () => {}
    )
  }

  async function launchAgain(stage: Stage, options: ChildOptions, firstPauseMs: number): Promise<void> {
    for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = respawnPauseMs(0, pauseMs)) {
      try {
        await pause(pauseMs, undefined, { signal })
        return await launch(stage, options, pauseMs)
      } catch (error) {
        if (!signal.aborted) {
          report(`${options.name} could not be started (${(error as Error).message}) and is tried again`)
        }
      }
    }
  }

  return {
    launch,
    async until(what, condition) {
      const lateMs = performance.now() + LOCAL_READY_MS
      while (!(await condition().catch(() => false))) {
        signal.throwIfAborted()
        checkAlive()
        if (performance.now() > lateMs) {
          throw new KvError('KV_ERR_CONFIG', `waited ${LOCAL_READY_MS / 1000} s in vain until ${what}`)
        }
        await pause(LOCAL_POLL_MS, undefined, { signal })
      }
    },
    settle() {
      settled = true
    },
    async stop() {
      await restart
      for (const stage of STAGES.toReversed()) {
        await Promise.all(
          children.filter(each => each.stage === stage && each.child.running).map(({ child }) => child.stop())
        )
      }
    }
  }
}
