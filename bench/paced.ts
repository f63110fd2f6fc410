// A client of a fixed rate, in a process of its own: `paced.js <host:port> <requests per second> <keys>`. It
// reads and writes, checks every value, and when it is told to ("mark" on its standard input) prints what it
// has seen since the last time, as one line of JSON. A request is due at its time whether the one before has
// been answered or not, so a pause of the server shows in full. `Infinity` requests per second: as many as
// are served, a request on each connection.

import { createInterface } from 'node:readline'
import { Pool } from 'undici'
import { type PacedResult } from './load.ts'

const [target = '', rateText = '', keysText = ''] = process.argv.slice(2)
const rate = Number(rateText)
const keys = Number(keysText)
const CONNECTIONS = 64
const pool = new Pool(`http://${target}`, { connections: CONNECTIONS, pipelining: 1 })
const TICK_MS = 5
const IN_FLIGHT_LIMIT = 4_096

let latencies: number[] = []
let failed = 0
let wrong = 0
let inFlight = 0
let skipped = 0
let example: string | undefined

async function once(dueMs: number): Promise<void> {
  const key = `bench-key-${String(Math.floor(Math.random() * keys)).padStart(10, '0')}`
  const isWrite = Math.random() < 0.2
  inFlight++
  try {
    const { statusCode, body } = isWrite
      ? await pool.request({
          method: 'POST',
          path: '/route',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: `key=${key}&val=${valueOf(key)}`
        })
      : await pool.request({ method: 'GET', path: `/route?key=${key}` })
    const text = await body.text()
    if (statusCode !== 200) {
      failed++
      example ??= `${statusCode} ${text}`
    } else if (text !== (isWrite ? 'OK' : valueOf(key))) {
      wrong++
      example ??= `${key}: ${text.slice(0, 100)}`
    }
  } catch (error) {
    failed++
    example ??= (error as Error).message
  }
  inFlight--
  latencies.push(performance.now() - dueMs)
}

function valueOf(key: string): string {
  return key.repeat(5)
}

function result(): PacedResult {
  const sorted = latencies.sort((a, b) => a - b)
  latencies = []
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  const seen = {
    requests: sorted.length,
    failed,
    wrong,
    skipped,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    longestMs: at(1),
    ...(example !== undefined && { example })
  }
  failed = wrong = skipped = 0
  example = undefined
  return seen
}

/** Every request at its time. */
function keepPace(): void {
  let dueMs = performance.now()
  setInterval(() => {
    const nowMs = performance.now()
    for (; dueMs < nowMs; dueMs += 1000 / rate) {
      if (inFlight < IN_FLIGHT_LIMIT) once(dueMs).catch(() => {})
      else skipped++
    }
  }, TICK_MS)
}

async function saturate(): Promise<never> {
  for (;;) await once(performance.now())
}

if (Number.isFinite(rate)) keepPace()
else for (let i = 0; i < CONNECTIONS; i++) saturate().catch(() => {})

createInterface(process.stdin)
  .on('line', () => process.stdout.write(`${JSON.stringify(result())}\n`))
  .on('close', () => process.exit(0))
