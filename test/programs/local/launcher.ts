// Runs the launcher of the local cluster as `npm start` does, on free ports.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Test } from 'tap'
import { childrenOf } from '../../support/cluster/cluster.ts'
import { until } from '../../support/cluster/memcached.ts'
import { freePort, isFree } from '../../support/cluster/ports.ts'

const LAUNCHER = fileURLToPath(new URL('../../../dist/src/programs/local/main.js', import.meta.url))
const START_MS = 60_000

export interface Launcher {
  /** Of the balancer, then of the three nodes. */
  readonly ports: readonly number[]
  /** The balancer's. */
  readonly url: string
  readonly stdout: string
  readonly stderr: string
  /** What the launcher has started. */
  children(): number[]
  /** Waits until everything runs. */
  started(): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** The exit code, once all output is there. */
  ended: Promise<number | null>
}

/** Starts the launcher; `ports` are otherwise free ones. Whatever it has left running ends with the test. */
export async function launch(
  t: Test,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
  ports: number[] = []
): Promise<Launcher> {
  while (ports.length < 4) ports.push(await freePort())
  const child = spawn(process.execPath, [LAUNCHER, '--ports', ports.join(','), ...args], {
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    text.stdout += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    text.stderr += chunk.toString()
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  return {
    ports,
    url: `http://127.0.0.1:${ports[0]}`,
    get stdout() {
      return text.stdout
    },
    get stderr() {
      return text.stderr
    },
    children: () => childrenOf(child.pid as number),
    started: () =>
      until(
        `the cluster runs; it wrote ${text.stderr}`,
        () => text.stdout.includes('Ctrl-C') || child.exitCode !== null,
        START_MS
      ),
    // As a terminal does it for Ctrl-C: to the whole process group.
    signal: signal => {
      process.kill(-(child.pid as number), signal)
    },
    ended
  }
}

/** True if a process with this id exists. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The ports on which somebody listens. */
export async function inUse(ports: readonly number[]): Promise<number[]> {
  const used: number[] = []
  for (const port of ports) if (!(await isFree(port))) used.push(port)
  return used
}
