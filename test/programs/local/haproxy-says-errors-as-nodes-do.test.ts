// HAProxy's own errors have the form and the codes of the nodes', each of them provoked for real.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { STATUS_CODES } from 'node:http'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { CATALOGUE, type ErrorCode } from '../../../src/errors.ts'
import { CONFIG, startHaproxy, type HaproxyOptions } from '../../support/cluster/haproxy.ts'
import { until } from '../../support/cluster/memcached.ts'
import { needs } from '../../support/cluster/programs.ts'
import { ask, startFakeNode, type Answer } from './fake-node.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
const LINE = new RegExp(
  `^ {2}http-error status (\\d+) content-type "${JSON_TYPE}" string '(.+)'( hdr Retry-After 1)?$`,
  'gm'
)
/** Those that HAProxy can answer with as it is set up. */
const STATUSES = [400, 403, 408, 429, 500, 502, 503, 504]

function bodyOf(code: ErrorCode) {
  const { status: statusCode, text: message } = CATALOGUE[code]
  return { statusCode, code, error: STATUS_CODES[statusCode], message }
}

/** A node that answers, but to `/reset` and `/silent`; and HAProxy before it. */
async function setup(t: Test, options: HaproxyOptions = {}) {
  const node = await startFakeNode(t, (asked, response) => {
    asked.resume().on('error', () => {})
    if (asked.url === '/reset') asked.socket.destroy()
    else if (asked.url !== '/silent') response.end('answer')
  })
  return { node, haproxy: await startHaproxy(t, [node.address], options) }
}

function isError(
  t: Test,
  { status, headers, body }: Pick<Answer, 'status' | 'headers' | 'body'>,
  code: ErrorCode
): void {
  t.same(JSON.parse(body.toString()), bodyOf(code))
  t.equal(status, CATALOGUE[code].status)
  t.equal(headers['content-type'], 'application/json; charset=utf-8')
  t.equal(headers['retry-after'], status === 429 || status === 503 ? '1' : undefined)
}

/** What comes over a connection of its own, until it ends. */
async function exchange(port: number, head: string, then: (write: (text: string) => void) => Promise<void>) {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket
    .on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    .on('error', () => {})
  const closed = once(socket, 'close')
  socket.write(head)
  await then(words => socket.write(words))
  await closed
  const [start, ...fields] = (text.split('\r\n\r\n', 1)[0] as string).split('\r\n')
  const headers = Object.fromEntries(fields.map(field => field.toLowerCase().split(': ')))
  return {
    status: Number(start?.split(' ')[1]),
    headers,
    body: Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4))
  }
}

t.test('every one of them is in the catalogue', async t => {
  const lines = [...readFileSync(CONFIG, 'utf8').matchAll(LINE)]
  t.same(
    lines.map(([, status]) => Number(status)),
    STATUSES
  )
  for (const [, status, text, again] of lines) {
    const body = JSON.parse(text as string)
    t.same(body, bodyOf(body.code))
    t.equal(body.statusCode, Number(status))
    t.equal(again !== undefined, status === '429' || status === '503', `${status}: when to come again`)
  }
})

t.test('a body that is none', async t => {
  if (!needs(t, 'haproxy')) return
  const { node, haproxy } = await setup(t)
  const answer = await exchange(
    haproxy.port,
    'POST /silent HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n',
    async write => {
      await until('the node has the head', () => node.seen.includes('POST /silent'))
      write('no number\r\n')
    }
  )
  isError(t, answer, 'KV_ERR_MALFORMED')
})

t.test('an operator from outside', async t => {
  if (!needs(t, 'haproxy')) return
  const { haproxy } = await setup(t, { env: { RINGKEEP_INSIDE: '10.0.0.0/8' } })
  isError(t, await ask(haproxy.port, { path: '/hash_ring' }), 'KV_ERR_OUTSIDE')
  t.match(await ask(haproxy.port, { path: '/kv/x' }), { status: 200 })
})

t.test('a form that does not come', async t => {
  if (!needs(t, 'haproxy')) return
  const { haproxy } = await setup(t, {
    tokenAware: true,
    edit: config => config.replace('wait-for-body time 60s', 'wait-for-body time 50ms')
  })
  isError(
    t,
    await exchange(
      haproxy.port,
      'POST /route HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n',
      async () => {}
    ),
    'KV_ERR_SLOW'
  )
})

t.test('a node that goes away, and one that is silent', async t => {
  if (!needs(t, 'haproxy')) return
  const { haproxy } = await setup(t, {
    edit: config => config.replace('timeout server 12s', 'timeout server 500ms')
  })
  isError(t, await ask(haproxy.port, { method: 'POST', path: '/reset' }), 'KV_ERR_NODE_LOST')
  isError(t, await ask(haproxy.port, { method: 'POST', path: '/silent' }), 'KV_ERR_NODE_SILENT')
})

t.test('no node, and none with room', async t => {
  if (!needs(t, 'haproxy')) return
  const { node, haproxy } = await setup(t, {
    env: { RINGKEEP_NODE_REQUESTS: '1' },
    edit: config => config.replace('timeout queue 2s', 'timeout queue 50ms')
  })
  const held = ask(haproxy.port, { method: 'POST', path: '/silent' })
  await until('the node has its one request', () => node.seen.includes('POST /silent'))
  isError(t, await ask(haproxy.port), 'KV_ERR_NO_NODE')
  t.equal(node.seen.filter(line => line === 'GET /').length, 0, 'it did not get another')
  await node.close()
  isError(t, await held, 'KV_ERR_NODE_LOST')
  await until(
    'it is found to be gone',
    async () => (await ask(haproxy.port, { method: 'POST' })).status === 503
  )
  isError(t, await ask(haproxy.port), 'KV_ERR_NO_NODE')
})
