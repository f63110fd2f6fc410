// Real nodes for system tests: child processes of the built node, each with embedded storage or a real
// Memcached of its own, seeded with one ring. They can be paused, killed, stopped and started again, as can
// their workers, and all end with the test.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileOfProject, type Ending } from './ending.ts'
import { startMemcached, until, type MemcachedOptions, type TestMemcached } from './memcached.ts'
import { type TestNetwork } from './network.ts'
import { freePort } from './ports.ts'

const NODE_PROGRAM = fileOfProject('dist/src/main.js')
const READY_MS = 60_000
const OUTPUT_CHARS = 200_000

export interface ClusterOptions {
  /** The token of each node on the ring. */
  readonly tokens: readonly number[]
  /** Further nodes that know the ring but have no token. Default 0. */
  readonly standbys?: number
  /** Default: the nodes' own, three. */
  readonly replicas?: number
  /** Default memory. With memcached, `needs(t, 'memcached')` comes first. */
  readonly storage?: 'memory' | 'memcached'
  /** Environment of every node, such as `{ WORKERS: '2' }`. */
  readonly env?: Readonly<Record<string, string>>
  /** For each node's Memcached. */
  readonly memcached?: MemcachedOptions
  /** Default: all on the loopback. */
  readonly network?: TestNetwork
}

export interface TestNode {
  /** `host:port`, its name on the ring. */
  readonly address: string
  /** `http://host:port`. */
  readonly url: string
  readonly memcached: TestMemcached | undefined
  /** The present process, which is the primary where there are workers. */
  readonly pid: number
  /** The process ids of its workers at this moment. */
  workers(): number[]
  pause(): void
  resume(): void
  /** SIGKILL to the process and its workers; resolves when all of it has ended. */
  kill(): Promise<void>
  /** SIGTERM; resolves with the exit code, null when a signal ended it. */
  stop(): Promise<number | null>
  /**
   * Starts it again after `kill` or `stop`, with the same address, state and Memcached. It may not be ready
   * yet.
   */
  start(): Promise<void>
  /** True if `/readyz` says so now. */
  isReady(): Promise<boolean>
  /** The end of what it has written, for a failing test's report. */
  output(): string
}

export interface TestCluster {
  readonly nodes: readonly TestNode[]
  /**
   * Seeds all nodes anew with these tokens, the first node with the first, and waits until they are ready.
   */
  seed(tokens: readonly number[]): Promise<void>
  /** Waits until every node is ready. */
  ready(): Promise<void>
}

/** Starts nodes, seeds them and waits until all are ready. */
export async function startCluster(t: Ending, options: ClusterOptions): Promise<TestCluster> {
  const nodes: TestNode[] = []
  for (let count = options.tokens.length + (options.standbys ?? 0); count > 0; count--) {
    nodes.push(await startNode(t, options))
  }
  const ready = async (): Promise<void> => {
    for (const node of nodes) await untilOrOutput(node, `${node.address} is ready`, node.isReady)
  }
  const seed = async (tokens: readonly number[]): Promise<void> => {
    const members = tokens.map((key, index) => ({ ip: nodes[index]?.address, key }))
    const replicas = options.replicas === undefined ? {} : { replicas: options.replicas }
    const body = new URLSearchParams({
      data: JSON.stringify({ nodes: members, generation: Date.now(), ...replicas })
    })
    for (const node of nodes) {
      await untilOrOutput(node, `${node.address} takes the ring`, () =>
        answersOk(`${node.url}/hash_ring`, { method: 'POST', body })
      )
    }
    await ready()
  }
  await seed(options.tokens)
  return { nodes, seed, ready }
}

/** One node without a ring; it may not listen yet. */
export async function startNode(t: Ending, options: Omit<ClusterOptions, 'tokens'>): Promise<TestNode> {
  const memcached = options.storage === 'memcached' ? await startMemcached(t, options.memcached) : undefined
  const folder = mkdtempSync(join(tmpdir(), 'ringkeep-node-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  const { host, command } = (await options.network?.site()) ?? { host: '127.0.0.1', command: [] }
  const address = `${host}:${port}`
  const url = `http://${address}`
  const storage =
    memcached === undefined
      ? { STORAGE: 'memory' }
      : { STORAGE: 'memcached', MEMCACHED: memcached.address, STATE_DIR: folder }
  const env = {
    ...process.env,
    LOG_LEVEL: 'warn',
    ...storage,
    ...options.env,
    HOST: host,
    PORT: String(port),
    NODE_ADDRESS: address
  }
  const isReady = (): Promise<boolean> => answersOk(`${url}/readyz`)
  return Object.assign(startProcess(t, env, command), { address, url, memcached, isReady })
}

/** A node's process, now and after each `start`. It ends with the test, and with the test's own process. */
function startProcess(
  t: Ending,
  env: NodeJS.ProcessEnv,
  command: readonly string[]
): Omit<TestNode, 'address' | 'url' | 'memcached' | 'isReady'> {
  let child = run(env, command)
  const isRunning = (): boolean => child.process.exitCode === null && child.process.signalCode === null
  const signal = (name: NodeJS.Signals): void => signalGroup(child.process, name)
  const kill = async (): Promise<void> => {
    const ended = isRunning() ? once(child.process, 'exit') : undefined
    signal('SIGKILL')
    await ended
  }
  const forget = beforeExit(() => signal('SIGKILL'))
  t.teardown(async () => {
    forget()
    await kill()
  })
  return {
    get pid() {
      return child.process.pid as number
    },
    workers: () => childrenOf(child.process.pid as number),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    kill,
    async stop() {
      if (!isRunning()) return child.process.exitCode
      const ended = once(child.process, 'exit')
      child.process.kill('SIGTERM')
      return (await ended)[0] as number | null
    },
    async start() {
      if (isRunning()) throw new Error('the node still runs')
      child = run(env, command)
    },
    output: () => child.output()
  }
}

/**
 * Does something when this process ends, other than by SIGKILL. The function that it returns calls that off.
 */
function beforeExit(act: () => void): () => void {
  const told = (signal: NodeJS.Signals): void => {
    act()
    forget()
    process.kill(process.pid, signal)
  }
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
  const forget = (): void => {
    process.off('exit', act)
    for (const signal of signals) process.off(signal, told)
  }
  process.on('exit', act)
  for (const signal of signals) process.on(signal, told)
  return forget
}

/** Waits as `until` does, and adds what the node has written when it was in vain. */
async function untilOrOutput(node: TestNode, what: string, condition: () => Promise<boolean>): Promise<void> {
  await until(what, condition, READY_MS).catch((error: Error) => {
    throw new Error(`${error.message}\n${node.output()}`)
  })
}

async function answersOk(url: string, init: RequestInit = {}): Promise<boolean> {
  try {
    const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(READY_MS) })
    await answer.arrayBuffer()
    return answer.status === 200
  } catch {
    return false
  }
}

/**
 * A process group of its own, so that signals reach the workers too. The test runner would have every program
 * of Node.js load a part of it, whatever its environment says here; a start would take nearly twice as long.
 */
function run(
  env: NodeJS.ProcessEnv,
  command: readonly string[]
): { process: ChildProcess; output: () => string } {
  const [program = 'env', ...args] = [...command, 'env', '-u', 'NODE_OPTIONS', process.execPath, NODE_PROGRAM]
  const child = spawn(program, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARS)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return { process: child, output: () => output }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-(child.pid as number), signal)
  } catch {
    // Nothing is left of the group.
  }
}

/**
 * The children of a process, from /proc: the fourth field of `stat`, behind the name in parentheses, is the
 * parent.
 */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(candidate => {
      try {
        const stat = readFileSync(`/proc/${candidate}/stat`, 'utf8')
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return Number(parent) === pid && state !== 'Z'
      } catch {
        return false
      }
    })
}
