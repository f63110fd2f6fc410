// A thread that asks a node for its health again and again, and tells the longest wait when it is asked for
// it. It asks over new connections, as balancers do, which the worker that is idle takes, and over some that
// stay, so that every worker is asked. A thread of its own, as who sends an attack is busy.

import { Agent, get } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

const EVERY_MS = 20
/** Connections that stay; the node hands them to its workers in turn. */
const LASTING = 8
const DEADLINE_MS = 30_000

/** The longest wait since it was last asked for, ms; and whether an answer was missing or wrong. */
export interface Health {
  readonly worstMs: number
  readonly asked: number
  readonly failed: number
}

let health = { worstMs: 0, asked: 0, failed: 0 }
const waitingSinceMs = new Set<{ readonly ms: number }>()

/** Asks once. */
function ask(agent: Agent | false): Promise<void> {
  const since = { ms: performance.now() }
  waitingSinceMs.add(since)
  health.asked++
  return new Promise(resolve => {
    const end = (ok: boolean): void => {
      if (!waitingSinceMs.delete(since)) return
      health.worstMs = Math.max(health.worstMs, performance.now() - since.ms)
      if (!ok) health.failed++
      resolve()
    }
    get(`${workerData as string}/livez`, { agent, timeout: DEADLINE_MS }, answer => {
      answer
        .resume()
        .once('end', () => end(answer.statusCode === 200))
        .once('error', () => end(false))
    })
      .once('error', () => end(false))
      .once('timeout', () => end(false))
  })
}

async function askOverAndOver(agent: Agent): Promise<never> {
  for (;;) {
    await ask(agent)
    await pause(EVERY_MS)
  }
}

setInterval(ask, EVERY_MS, false)
for (let i = 0; i < LASTING; i++) askOverAndOver(new Agent({ keepAlive: true, maxSockets: 1 }))
parentPort?.on('message', () => {
  // What is still waited for counts with what it has taken so far.
  const nowMs = performance.now()
  for (const { ms } of waitingSinceMs) health.worstMs = Math.max(health.worstMs, nowMs - ms)
  parentPort?.postMessage(health satisfies Health)
  health = { worstMs: 0, asked: 0, failed: 0 }
})
