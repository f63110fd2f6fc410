// Load by autocannon, where there is no wrk. It is written in JavaScript and sends less than wrk does, so of
// a fast server its figures tell of autocannon.

import autocannon from 'autocannon'
import { type Load, type Measured } from './measured.ts'

const KEYS = 10_000
const VALUE = 'v'.repeat(100)

const randomKey = () => `bench-key-${String(Math.floor(Math.random() * KEYS)).padStart(10, '0')}`

/** Asks for random keys, as `random-keys.lua` does. */
export async function loadWithAutocannon({
  target,
  path,
  method,
  seconds,
  connections,
  pace
}: Load): Promise<Measured> {
  const result = await autocannon({
    url: `http://${target}`,
    connections,
    duration: seconds,
    ...(pace && { overallRate: Math.max(connections, Math.round(pace.requestsPerSecond)) }),
    requests: [{ setupRequest: request => ({ ...request, ...nextRequest(method, path) }) }],
    ...(method === 'BATCH' && { verifyBody: isWholeBatch })
  })
  return {
    requests: result.requests.total,
    requestsPerSecond: result.requests.total / result.duration,
    p99Ms: result.latency.p99,
    errors: result.errors + result.non2xx + result.mismatches
  }
}

function nextRequest(method: Load['method'], path: string): autocannon.Request {
  if (method === 'GET') return { method, path: path.replace('%s', randomKey()) }
  if (method === 'POST') {
    return {
      method,
      path: '/route',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `key=${randomKey()}&val=${VALUE}`
    }
  }
  const operations = Array.from({ length: 100 }, () => ({ op: 'get', key: randomKey() }))
  return {
    method: 'POST',
    path: '/kv/batch',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ operations })
  }
}

/** Every get of the hundred has succeeded. */
function isWholeBatch(body?: string | Buffer): boolean {
  return String(body).split('"status":200').length === 101
}
