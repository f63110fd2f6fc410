// A real Memcached for a test: its own process on a free port or a unix socket of its own, with the flags
// that a node's Memcached has; it can be paused, killed and brought back empty at the same address, and it
// ends with the test.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { locateProgram } from '../../../src/programs/local/programs.ts'
import { type Ending } from './ending.ts'

export interface MemcachedOptions {
  /** True: a unix socket, else a free TCP port on the loopback. */
  readonly socket?: boolean
  /** Further flags, such as `['-m', '8']`. */
  readonly flags?: readonly string[]
}

export interface TestMemcached {
  /** What `MEMCACHED` is to be: `127.0.0.1:port`, or the socket's path. */
  readonly address: string
  /** The present process; another after `restart`. */
  readonly pid: number
  pause(): void
  resume(): void
  /** Ends the process at once and waits for its end. */
  kill(): Promise<void>
  /** Kills what still runs and starts anew, empty, at the same address. */
  restart(): Promise<void>
}

/**
 * Pauses between two looks: short at first, and longer when it takes its time, so that looking does not take
 * the machine from those who work.
 */
const LOOK_MIN_MS = 5
const LOOK_MAX_MS = 50

/** Waits until the condition holds, looking often; throws after `deadlineMs`. */
export async function until(what: string, condition: () => unknown, deadlineMs = 30_000): Promise<void> {
  const end = performance.now() + deadlineMs
  for (let pauseMs = LOOK_MIN_MS; !(await condition()); pauseMs = Math.min(pauseMs * 1.5, LOOK_MAX_MS)) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`)
    await pause(pauseMs)
  }
}

/** Starts Memcached and waits until it accepts connections. `needs(t, 'memcached')` comes first. */
export async function startMemcached(t: Ending, options: MemcachedOptions = {}): Promise<TestMemcached> {
  const folder = mkdtempSync(join(tmpdir(), 'ringkeep-memcached-'))
  const path = options.socket === true ? join(folder, 's') : undefined
  let address = path
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const portFile = join(folder, 'port')
    const where =
      path !== undefined ? ['-s', path] : ['-l', '127.0.0.1', '-p', address?.split(':')[1] ?? '-1']
    child = launch([...where, ...(options.flags ?? [])], portFile)
    if (address === undefined) {
      await until('memcached has a port', () => portOf(portFile) !== undefined)
      address = `127.0.0.1:${portOf(portFile)}`
    }
    await until('memcached accepts', () => accepts(address as string))
  }

  async function kill(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  // Also when the test ends in disorder and its teardown never runs.
  const killAtExit = (): void => {
    child?.kill('SIGKILL')
  }
  process.once('exit', killAtExit)
  t.teardown(async () => {
    process.off('exit', killAtExit)
    await kill()
    rmSync(folder, { recursive: true, force: true })
  })
  await start()
  return {
    address: address as unknown as string,
    get pid() {
      return child?.pid as number
    },
    pause() {
      stopForNow(child?.pid as number)
    },
    resume() {
      child?.kill('SIGCONT')
    },
    kill,
    async restart() {
      await kill()
      await start()
    }
  }
}

/** The signal is only on its way when `kill` returns: this waits until none of the threads runs any more. */
function stopForNow(pid: number): void {
  const end = performance.now() + 5_000
  const isStopped = (thread: string): boolean => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    return stat[stat.lastIndexOf(')') + 2] === 'T'
  }
  process.kill(pid, 'SIGSTOP')
  while (!readdirSync(`/proc/${pid}/task`).every(isStopped)) {
    if (performance.now() > end) throw new Error(`process ${pid} does not stop`)
  }
}

function launch(flags: string[], portFile: string): ChildProcess {
  const program = locateProgram('memcached')
  if (program === undefined) throw new Error('memcached is not installed')
  const asRoot = process.getuid?.() === 0 ? ['-u', 'root'] : []
  return spawn(program, [...asRoot, '-U', '0', '-M', '-m', '64', ...flags], {
    stdio: 'ignore',
    env: { ...process.env, MEMCACHED_PORT_FILENAME: portFile }
  })
}

/**
 * Memcached writes the port that it was given to a file, under another name first, so what is there is
 * complete.
 */
function portOf(file: string): string | undefined {
  try {
    return /^TCP INET: (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

function accepts(address: string): Promise<boolean> {
  return new Promise(resolve => {
    const [host, port] = address.split(':')
    const socket = address.includes('/') ? connect(address) : connect(Number(port), host)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
