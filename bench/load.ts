// Load by wrk or autocannon, and what was measured.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { loadWithAutocannon } from './autocannon.ts'
import { type Measured, type Load } from './measured.ts'

const run = promisify(execFile)
const script = fileURLToPath(new URL('../../bench/random-keys.lua', import.meta.url))

export const CONNECTIONS = 64
/** Where the product has the value of a key, `%s`. */
export const PATH = '/route?key=%s'

/** Asks for random keys: with wrk, or with autocannon where there is no wrk. */
export async function load(load: Load): Promise<Measured> {
  const { target, path, method, seconds, connections, pace } = load
  const args = ['-t2', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script, `http://${target}`]
  const env = {
    ...process.env,
    BENCH_METHOD: method,
    BENCH_PATH: path,
    BENCH_PAUSE_MS: String(pace?.pauseMs ?? 0)
  }
  const printed = await run('wrk', args, { env }).catch(error => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return printed === undefined ? loadWithAutocannon(load) : parseWrk(printed.stdout)
}

function parseWrk(text: string): Measured {
  const rate = /Requests\/sec:\s+([0-9.]+)/.exec(text)?.[1]
  const p99 = /99%\s+([0-9.]+)(us|ms|s)/.exec(text)
  if (rate === undefined || p99 === null) throw new Error(`wrk printed something else:\n${text}`)
  const unitMs = { us: 0.001, ms: 1, s: 1000 }[p99[2] as 'us' | 'ms' | 's']
  const refused = Number(/Non-2xx or 3xx responses: ([0-9]+)/.exec(text)?.[1] ?? 0)
  const sockets = /Socket errors: connect ([0-9]+), read ([0-9]+), write ([0-9]+), timeout ([0-9]+)/.exec(
    text
  )
  const wrong = Number(/Wrong answers: ([0-9]+)/.exec(text)?.[1])
  const broken = sockets === null ? 0 : sockets.slice(1).reduce((sum, count) => sum + Number(count), 0)
  return {
    requests: Number(/([0-9]+) requests in/.exec(text)?.[1]),
    requestsPerSecond: Number(rate),
    p99Ms: Number(p99[1]) * unitMs,
    errors: refused + wrong + broken
  }
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}

/** What a client of a fixed rate has seen in a while. */
export interface PacedResult {
  readonly requests: number
  readonly failed: number
  readonly wrong: number
  /** Requests that were not sent, as too many were under way. */
  readonly skipped: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
  /** The first failure, in words. */
  readonly example?: string
}

/** Starts a client of a fixed rate. `mark` tells what it has seen since the last call. */
export function pacedLoad(
  target: string,
  requestsPerSecond: number,
  keys: number
): { mark(): Promise<PacedResult>; stop(): void } {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./paced.js', import.meta.url)), target, String(requestsPerSecond), String(keys)],
    { stdio: ['pipe', 'pipe', 'inherit'] }
  )
  const lines = createInterface(child.stdout)
  return {
    async mark() {
      const line = once(lines, 'line')
      child.stdin.write('mark\n')
      return JSON.parse((await line)[0])
    },
    stop() {
      child.stdin.end()
    }
  }
}
