// Starts what is measured, on free ports of this machine, and stops all of it.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'

const START_DEADLINE_MS = 20_000

export interface Bench {
  /** A bare Fastify with that many processes; its `host:port`. */
  bare (workers: number): Promise<string>
  /** A node on a Memcached of its own, seeded as a ring of one; its `host:port`. */
  node (workers: number): Promise<string>
  stop (): Promise<void>
}

export async function createBench (): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'ringkeep-bench-'))
  const children: ChildProcess[] = []

  function start (program: string, args: string[], env: NodeJS.ProcessEnv = {}): void {
    const child = spawn(program, args, { env: { ...process.env, NODE_ENV: 'production', ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
    child.on('error', error => { process.stderr.write(`bench: ${program}: ${error.message}\n`) })
    children.push(child)
  }

  async function bare (workers: number): Promise<string> {
    const port = await freePort()
    start(process.execPath, [fileURLToPath(new URL('./bare.js', import.meta.url))], { PORT: String(port), WORKERS: String(workers) })
    await answers(`http://127.0.0.1:${port}/route`)
    return `127.0.0.1:${port}`
  }

  async function node (workers: number): Promise<string> {
    const port = await freePort()
    const socket = join(folder, `memcached-${port}.sock`)
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
    start('memcached', [...user, '-s', socket, '-U', '0', '-M', '-m', '256', '-t', '2'])
    start(process.execPath, [fileURLToPath(new URL('../src/main.js', import.meta.url))], {
      HOST: '127.0.0.1',
      PORT: String(port),
      STORAGE: 'memcached',
      MEMCACHED: socket,
      WORKERS: String(workers),
      STATE_DIR: join(folder, String(port)),
      LOG_LEVEL: 'error'
    })
    await answers(`http://127.0.0.1:${port}/livez`)
    const ring = JSON.stringify({ nodes: [{ ip: `127.0.0.1:${port}`, key: 5000 }] })
    const seeded = await request(`http://127.0.0.1:${port}/hash_ring`, { method: 'POST', headers: FORM, body: `data=${encodeURIComponent(ring)}` })
    if (seeded.statusCode !== 200) throw new Error(`seeding: ${await seeded.body.text()}`)
    await answers(`http://127.0.0.1:${port}/readyz`)
    return `127.0.0.1:${port}`
  }

  async function stop (): Promise<void> {
    await Promise.all(children.map(async child => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    }))
    await rm(folder, { recursive: true, force: true })
  }

  return { bare, node, stop }
}

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Resolves when the URL answers 200. */
async function answers (url: string): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS
  while (performance.now() < deadline) {
    const status = await request(url).then(async ({ statusCode, body }) => {
      await body.dump()
      return statusCode
    }, () => 0)
    if (status === 200) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`${url} did not answer in time`)
}
