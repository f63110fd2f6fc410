// What an attack must not do to others: an ordinary client's small requests, its health checks among them,
// and the memory of the node's processes are watched before it and meanwhile.

import { readFileSync } from 'node:fs'
import { Agent, request } from 'undici'
import { setTimeout as pause } from 'node:timers/promises'
import { type AttackOptions, type Target, type Verdict } from './verdict.ts'

/** Resident memory that a worker may have. */
const MEMORY_MB = 300
/**
 * How much slower an ordinary client's slowest requests may get, and what no machine can tell from nothing.
 */
const P99_RATIO = 2
const P99_FLOOR_MS = 20
/**
 * The p99 while the attack still begins: the system takes gigabytes for clients who do not read until its
 * buffers are full, and the processors are busy with that.
 */
const BEGINNING_P99_MS = 200
const EVERY_MS = 10
const SAMPLE_MS = 50
const DEADLINE_MS = 30_000
const KEYS = 100

interface Seen {
  readonly p99Ms: number
  readonly beginningP99Ms: number
  readonly worstMs: number
  readonly requests: number
  readonly refused: number
  readonly failures: readonly string[]
  readonly memoryMb: number
}

/**
 * Watches before the attack and meanwhile, and judges both. `act` returns its own faults and figures, and
 * calls `begun` when the attack is as it will stay. In the short form, where the machine may be busy with
 * other things, times are told and not judged, and neither is what was refused for want of time.
 */
export async function witnessed(
  name: string,
  target: Target,
  { quick, tell }: AttackOptions,
  act: (begun: () => void) => Promise<Partial<Verdict>>
): Promise<Verdict> {
  const before = await watch(target, () => pause(quick ? 2_000 : 10_000))
  let own: Partial<Verdict> = {}
  const during = await watch(target, async begun => {
    own = await act(begun)
  })
  const ratio = during.p99Ms / Math.max(before.p99Ms, P99_FLOOR_MS / P99_RATIO)
  tell(
    `${name}: memory ${before.memoryMb} -> ${during.memoryMb} MB; p99 ${before.p99Ms.toFixed(1)} -> ` +
      `${during.p99Ms.toFixed(1)} ms, while it begins ${during.beginningP99Ms.toFixed(1)} ms, worst ` +
      `${during.worstMs.toFixed(0)} ms; ${during.refused} of ${during.requests} refused`
  )
  const faults = [...(own.faults ?? []), ...during.failures.slice(0, 5)]
  if (during.memoryMb > MEMORY_MB) faults.push(`a process grew to ${during.memoryMb} MB`)
  if (!quick && during.refused > 0) faults.push(`${during.refused} ordinary requests were refused`)
  if (!quick && ratio > P99_RATIO) {
    faults.push(
      `an ordinary client's p99 went from ${before.p99Ms.toFixed(1)} to ${during.p99Ms.toFixed(1)} ms`
    )
  }
  if (!quick && during.beginningP99Ms > BEGINNING_P99_MS) {
    faults.push(`an ordinary client's p99 was ${during.beginningP99Ms.toFixed(1)} ms while it began`)
  }
  for (const pid of target.pids) if (memoryOf(pid) === 0) faults.push(`process ${pid} has ended`)
  return {
    name,
    faults,
    figures: {
      memoryMb: during.memoryMb,
      p99BeforeMs: before.p99Ms,
      p99Ms: during.p99Ms,
      beginningP99Ms: during.beginningP99Ms,
      worstMs: during.worstMs,
      refused: during.refused,
      ...own.figures
    }
  }
}

async function watch({ url, pids }: Target, act: (begun: () => void) => Promise<unknown>): Promise<Seen> {
  const agent = new Agent({ connections: 8, headersTimeout: DEADLINE_MS, bodyTimeout: DEADLINE_MS })
  const tookMs: number[] = []
  let beginning: number[] = []
  const failures: string[] = []
  let memoryMb = 0
  let refused = 0
  let count = 0

  async function ask(): Promise<void> {
    const number = count++
    const [method, path] = (
      [
        ['PUT', `/kv/ordinary-${number % KEYS}`],
        ['GET', `/kv/ordinary-${(number - 1) % KEYS}`],
        ['GET', '/livez']
      ] as const
    )[number % 3] as ['PUT' | 'GET', string]
    const beganMs = performance.now()
    try {
      const { statusCode, body } = await request(url + path, {
        method,
        dispatcher: agent,
        ...(method === 'PUT' && { body: 'v'.repeat(100) })
      })
      await body.dump()
      if (statusCode === 503) refused++
      else if (statusCode !== 404 && statusCode >= 300) failures.push(`${method} ${path}: ${statusCode}`)
    } catch (error) {
      failures.push(`${method} ${path}: ${(error as Error).message}`)
    }
    tookMs.push(performance.now() - beganMs)
  }

  const asked: Array<Promise<void>> = []
  const timers = [
    setInterval(() => asked.push(ask()), EVERY_MS),
    setInterval(() => {
      memoryMb = Math.max(memoryMb, ...pids.map(memoryOf))
    }, SAMPLE_MS)
  ]
  try {
    await act(() => {
      beginning = tookMs.splice(0)
    })
  } finally {
    timers.forEach(timer => clearInterval(timer))
  }
  await Promise.all(asked)
  await agent.destroy()
  const requests = beginning.length + tookMs.length
  return {
    p99Ms: p99Of(tookMs),
    beginningP99Ms: p99Of(beginning),
    worstMs: Math.max(0, ...beginning, ...tookMs),
    requests,
    refused,
    failures,
    memoryMb
  }
}

/** Of some times; 0: there are none. */
function p99Of(tookMs: number[]): number {
  return tookMs.sort((a, b) => a - b)[Math.floor(tookMs.length * 0.99)] ?? 0
}

/** Resident memory of a process, MB; 0: it has ended. */
function memoryOf(pid: number): number {
  try {
    return Math.round(
      Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
    )
  } catch {
    return 0
  }
}
