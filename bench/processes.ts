// Starts what is measured, on free ports of this machine, and stops all of it.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { haproxyCommand } from '../src/programs/local/commands.ts'

const START_DEADLINE_MS = 20_000
/** After so long the map of slots is filled. */
const MAP_MS = 2_000

export interface BenchNode {
  /** `host:port`. */
  readonly address: string
  /** The primary process. */
  readonly pid: number
  /** The process of its Memcached. */
  readonly store?: number
}

export interface BenchListener {
  readonly socket: string
  readonly pid: number
}

export interface Bench {
  /** A bare Fastify with that many processes. */
  bare(workers: number): Promise<BenchNode>
  /**
   * Another HTTP server: `configure` tells its arguments for a port, and may write files into a folder of its
   * own. It is there when the path `ready` answers 200.
   */
  server(
    program: string,
    ready: string,
    configure: (port: number, folder: string) => Promise<string[]>
  ): Promise<BenchNode>
  /** A program that listens on a unix socket. */
  listener(program: string, argumentsOf: (socket: string) => string[]): Promise<BenchListener>
  memcached(): Promise<BenchListener>
  /** A node on a Memcached of its own, seeded as a ring of one. */
  node(workers: number): Promise<BenchNode>
  /** A node on a Memcached of its own, without a ring. */
  member(workers: number): Promise<BenchNode & { readonly memcached: string }>
  /** Seeds all nodes with one ring, in which the first have these tokens, and waits until they are ready. */
  seed(nodes: readonly BenchNode[], tokens: readonly number[], replicas: number): Promise<void>
  /**
   * HAProxy with the project's configuration before up to three nodes (`host:port`), on request in its
   * token-aware mode; its `host:port`.
   */
  haproxy(nodes: readonly BenchNode[], tokenAware?: boolean): Promise<BenchNode>
  stop(): Promise<void>
}

export async function createBench(): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'ringkeep-bench-'))
  const children: ChildProcess[] = []

  function start(
    program: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    errors: 'inherit' | 'ignore' = 'inherit'
  ): number {
    const child = spawn(program, args, {
      env: { ...process.env, NODE_ENV: 'production', ...env },
      stdio: ['ignore', 'ignore', errors]
    })
    child.on('error', error => {
      process.stderr.write(`bench: ${program}: ${error.message}\n`)
    })
    children.push(child)
    return child.pid as number
  }

  async function bare(workers: number): Promise<BenchNode> {
    const port = await freePort()
    const pid = start(process.execPath, [fileURLToPath(new URL('./bare.js', import.meta.url))], {
      PORT: String(port),
      WORKERS: String(workers)
    })
    await answers(`http://127.0.0.1:${port}/route`)
    return { address: `127.0.0.1:${port}`, pid }
  }

  async function listener(
    program: string,
    argumentsOf: (socket: string) => string[]
  ): Promise<BenchListener> {
    const socket = join(folder, `${program}-${children.length}.sock`)
    const pid = start(program, argumentsOf(socket))
    for (const deadline = performance.now() + START_DEADLINE_MS; !existsSync(socket); await pause(10)) {
      if (performance.now() > deadline) throw new Error(`${program} did not start in time`)
    }
    return { socket, pid }
  }

  function memcached(): Promise<BenchListener> {
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
    return listener('memcached', socket => [...user, '-s', socket, '-U', '0', '-M', '-m', '1024', '-t', '2'])
  }

  async function server(
    program: string,
    ready: string,
    configure: (port: number, folder: string) => Promise<string[]>
  ): Promise<BenchNode> {
    const port = await freePort()
    // Such a program tells what clients do when they leave.
    const pid = start(
      program,
      await configure(port, await mkdtemp(join(folder, `${program}-`))),
      {},
      'ignore'
    )
    await answers(`http://127.0.0.1:${port}${ready}`)
    return { address: `127.0.0.1:${port}`, pid }
  }

  async function member(workers: number): Promise<BenchNode & { readonly memcached: string }> {
    const port = await freePort()
    const { socket, pid: store } = await memcached()
    const pid = start(process.execPath, [fileURLToPath(new URL('../src/main.js', import.meta.url))], {
      HOST: '127.0.0.1',
      PORT: String(port),
      STORAGE: 'memcached',
      MEMCACHED: socket,
      WORKERS: String(workers),
      STATE_DIR: join(folder, String(port)),
      LOG_LEVEL: 'error'
    })
    await answers(`http://127.0.0.1:${port}/livez`)
    return { address: `127.0.0.1:${port}`, pid, store, memcached: socket }
  }

  async function seed(
    nodes: readonly BenchNode[],
    tokens: readonly number[],
    replicas: number
  ): Promise<void> {
    const ring = JSON.stringify({
      nodes: tokens.map((key, i) => ({ ip: nodes[i]?.address, key })),
      replicas,
      generation: Date.now()
    })
    for (const { address } of nodes) {
      const seeded = await request(`http://${address}/hash_ring`, {
        method: 'POST',
        headers: FORM,
        body: `data=${encodeURIComponent(ring)}`
      })
      if (seeded.statusCode !== 200) throw new Error(`seeding: ${await seeded.body.text()}`)
      await seeded.body.dump()
    }
    for (const { address } of nodes) await answers(`http://${address}/readyz`)
  }

  async function node(workers: number): Promise<BenchNode> {
    const only = await member(workers)
    await seed([only], [5000], 1)
    return only
  }

  async function haproxy(nodes: readonly BenchNode[], tokenAware = false): Promise<BenchNode> {
    const port = await freePort()
    const nobody = '127.0.0.1:1'
    const own = await mkdtemp(join(folder, 'haproxy-'))
    const { program, args, env } = await haproxyCommand(
      port,
      [...nodes.map(({ address }) => address), nobody, nobody].slice(0, 3),
      own
    )
    const slots = { RINGKEEP_SLOTS: join(own, 'slots.map'), RINGKEEP_SOCKET: join(own, 'admin.sock') }
    if (tokenAware) await writeFile(slots.RINGKEEP_SLOTS, '')
    const pid = start(program, args, { ...env, ...(tokenAware && slots) })
    await answers(`http://127.0.0.1:${port}/readyz`)
    if (tokenAware) {
      start(process.execPath, [fileURLToPath(new URL('../src/programs/slots/main.js', import.meta.url))], {
        ...slots,
        LOG_LEVEL: 'error'
      })
      await pause(MAP_MS)
    }
    return { address: `127.0.0.1:${port}`, pid }
  }

  async function stop(): Promise<void> {
    await Promise.all(
      children.map(async child => {
        if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
        const exited = once(child, 'exit')
        child.kill('SIGTERM')
        await exited
      })
    )
    await rm(folder, { recursive: true, force: true })
  }

  return { bare, server, listener, memcached, node, member, seed, haproxy, stop }
}

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Resolves when the URL answers 200. */
async function answers(url: string): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS
  while (performance.now() < deadline) {
    const status = await request(url).then(
      async ({ statusCode, body }) => {
        await body.dump()
        return statusCode
      },
      () => 0
    )
    if (status === 200) return
    await pause(50)
  }
  throw new Error(`${url} did not answer in time`)
}
