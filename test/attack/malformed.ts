// Requests that are almost right: good ones with bytes changed, left out, doubled and put in. Whatever comes,
// it is refused or carried out, and is no defect: no 5xx but 503. A seed gives the same requests again.

import { connect } from 'node:net'
import { createChance } from '../support/checker/history.ts'
import { type Attack, type Target } from './verdict.ts'
import { witnessed } from './witness.ts'

const REQUESTS = 200_000
const QUICK_REQUESTS = 10_000
/** Requests of one connection; what comes behind one that cannot be read is lost with it. */
const TOGETHER = 4
const AT_A_TIME = 32
/** After so long without an answer a request waits for bytes that will not come. */
const SILENCE_MS = 200
const LAST = 'GET /livez HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n'

const withBody = (method: string, path: string, type: string, body: string) =>
  `${method} ${path} HTTP/1.1\r\nHost: n\r\nContent-Type: ${type}\r\nContent-Length: ` +
  `${body.length}\r\n\r\n${body}`

const GOOD = [
  'GET /kv/k?r=1 HTTP/1.1\r\nHost: n\r\nAccept: */*\r\n\r\n',
  'GET /route?key=k%20%C3%BC HTTP/1.1\r\nHost: n\r\n\r\n',
  'HEAD /kv/k HTTP/1.1\r\nHost: n\r\nRange: bytes=0-1\r\n\r\n',
  'DELETE /kv/k?w=1 HTTP/1.1\r\nHost: n\r\n\r\n',
  'GET /readyz HTTP/1.1\r\nHost: n\r\nExpect: 100-continue\r\n\r\n',
  withBody('PUT', '/kv/k?ttl=60', 'text/plain; charset=utf-8', 'value'),
  withBody('PUT', '/kv/%F0%9F%98%80', 'image/png', '\x00\x01\xff'),
  withBody('POST', '/route', 'application/x-www-form-urlencoded', 'key=k&val=%E2%82%AC+v'),
  withBody('POST', '/route', 'application/json', '{"key":"k","val":"v"}'),
  withBody(
    'POST',
    '/kv/batch',
    'application/json',
    '{"operations":[{"op":"put","key":"k","base64":"YQ==","ttl":5},' +
      '{"op":"get","key":"k"},{"op":"delete","key":"\\u0001"}]}'
  ),
  withBody('POST', '/internal/ops', 'application/octet-stream', '\x01\x02\x03\x04\x05\x06\x07\x08'),
  'POST /route HTTP/1.1\r\nHost: n\r\nContent-Type: ' +
    'application/x-www-form-urlencoded\r\nTransfer-Encoding: ' +
    'chunked\r\n\r\n9\r\nkey=k&val\r\n2\r\n=v\r\n0\r\n\r\n'
]

const BITS = [
  '%',
  '%zz',
  '%00',
  '\r\n',
  '\x00',
  '\xff',
  ' ',
  '"',
  '{',
  '[',
  '\\',
  '/..',
  '//',
  '?',
  '&key=',
  ':',
  'Content-Length: 0\r\n',
  '-1',
  '99999999999999999999',
  'chunked',
  'HTTP/2.0',
  '\xe2\x80\xa8'
]

export const attack: Attack = (target, options) =>
  witnessed('malformed requests', target, options, async () => {
    const chance = createChance(options.seed)
    const statuses = new Map<number, number>()
    const faults: string[] = []
    let left = options.quick ? QUICK_REQUESTS : REQUESTS
    await Promise.all(
      Array.from({ length: AT_A_TIME }, async () => {
        for (; left > 0; left -= TOGETHER) {
          const texts = Array.from({ length: TOGETHER }, () => mutated(chance))
          for (const status of await ask(target, texts.join('') + LAST)) {
            statuses.set(status, (statuses.get(status) ?? 0) + 1)
            if (status >= 500 && status !== 503) faults.push(`${status} for ${JSON.stringify(texts)}`)
          }
        }
      })
    )
    return { faults: faults.slice(0, 5), figures: Object.fromEntries(statuses) }
  })

/** A good request with up to three changes. */
function mutated(chance: () => number): string {
  const below = (count: number) => Math.floor(chance() * count)
  let text = GOOD[below(GOOD.length)] as string
  for (let changes = below(4); changes > 0; changes--) {
    const at = below(text.length)
    const kind = below(5)
    if (kind === 0) text = text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1)
    else if (kind === 1) text = text.slice(0, at) + text.slice(at + 1 + below(8))
    else if (kind === 2) text = text.slice(0, at) + text.slice(at, at + below(40)).repeat(2) + text.slice(at)
    else if (kind === 3) text = text.slice(0, at) + BITS[below(BITS.length)] + text.slice(at)
    else text = text.slice(0, at) + 'x'.repeat(below(chance() < 0.05 ? 40_000 : 300)) + text.slice(at)
  }
  return text
}

/** The statuses of what was answered, until the connection ends or nothing more comes. */
function ask({ url }: Target, text: string): Promise<number[]> {
  const { hostname, port } = new URL(url)
  return new Promise(resolve => {
    let answer = ''
    const socket = connect({ port: Number(port), host: hostname, timeout: SILENCE_MS })
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1')
    })
    socket.on('timeout', () => socket.destroy()).on('error', () => {})
    socket.once('close', () =>
      resolve([...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(match => Number(match[1])))
    )
    socket.write(text, 'latin1')
  })
}
