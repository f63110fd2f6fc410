// A process that belongs to the local cluster. It leads a process group of its own, so that Ctrl-C reaches
// the launcher alone, which then stops everything in order, and so that what a process has forked itself goes
// with it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { LOCAL_ERROR_LINES, LOCAL_STOP_MS } from './limits.ts'

export interface ChildOptions {
  /** What it is called in reports. */
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Writes its error output to the launcher's as it comes; else it is only kept for `lastWords`. */
  readonly echo: boolean
}

export interface Child {
  readonly name: string
  readonly pid: number
  /** True until the process has ended. */
  readonly running: boolean
  /** How it ended, with its last line of error output, for a report; empty while it runs. */
  readonly lastWords: string
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>
  /** Asks it to end, waits, and after a deadline ends it and all that it has forked. */
  stop(): Promise<void>
}

/** Starts a process. Rejects if the program cannot be run at all. */
export async function startChild({ name, program, args, env, echo }: ChildOptions): Promise<Child> {
  const child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'inherit', 'pipe'] })
  const lines: string[] = []
  let running = true
  let how = ''
  createInterface({ input: child.stderr }).on('line', line => {
    if (echo) process.stderr.write(`${name}: ${line}\n`)
    lines.push(line)
    if (lines.length > LOCAL_ERROR_LINES) lines.shift()
  })
  // `close` comes after the error output has been read to its end.
  const ended = new Promise<void>(resolve =>
    child.once('close', (code, signal) => {
      running = false
      how = signal ?? `exit code ${code}`
      resolve()
    })
  )
  await once(child, 'spawn')
  const pid = child.pid as number

  return {
    name,
    pid,
    ended,
    get running() {
      return running
    },
    get lastWords() {
      return running
        ? ''
        : [how, lines.findLast(line => line !== '')].filter(part => part !== undefined).join(': ')
    },
    async stop() {
      const killer = setTimeout(() => killGroup(pid), LOCAL_STOP_MS)
      child.kill('SIGTERM')
      // A paused process would otherwise hear of it only when somebody resumes it.
      child.kill('SIGCONT')
      await ended
      clearTimeout(killer)
      killGroup(pid)
    }
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nothing is left of the group.
  }
}
