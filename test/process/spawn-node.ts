// The built node as a process of its own, as a service manager would start it: environment in, signals, exit
// code and output out.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Test } from 'tap'
import { until } from '../support/cluster/memcached.ts'

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url))

export interface NodeProcess {
  readonly child: ChildProcess
  readonly output: { out: string; err: string }
  /** Resolves when the process has ended and all its output is there. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
  running(): boolean
}

/**
 * Starts a node with this environment and nothing else in it, in a folder of its own; it ends with the test
 * at the latest.
 */
export function spawnNode(t: Test, environment: { readonly [name: string]: string }): NodeProcess {
  const folder = mkdtempSync(join(tmpdir(), 'ringkeep-process-'))
  const child = spawn(process.execPath, [MAIN], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const output = { out: '', err: '' }
  child.stdout.on('data', chunk => {
    output.out += chunk
  })
  child.stderr.on('data', chunk => {
    output.err += chunk
  })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  return { child, output, ended, running: () => child.exitCode === null && child.signalCode === null }
}

/** Waits until the process answers; throws if it ends before. */
export function untilAlive(node: NodeProcess, port: number): Promise<void> {
  return until(
    'the node answers',
    async () => {
      if (!node.running()) throw new Error(`the node ended: ${node.output.err}`)
      return fetch(`http://127.0.0.1:${port}/livez`).then(
        answer => answer.ok,
        () => false
      )
    },
    30_000
  )
}

/** Makes a ring of this node alone. */
export async function seed(port: number): Promise<void> {
  const data = JSON.stringify({ nodes: [{ ip: `127.0.0.1:${port}`, key: 1 }] })
  const answer = await fetch(`http://127.0.0.1:${port}/hash_ring`, {
    method: 'POST',
    body: new URLSearchParams({ data })
  })
  if (!answer.ok) throw new Error(await answer.text())
}
