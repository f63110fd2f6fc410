// A process takes in only so many bytes of clients' bodies at a time. What finds no room is refused before it
// is read, and told to come back; small requests and what nodes ask of each other go on, and the room is
// there again when a request is over.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { BATCH_BYTES, VALUE_BYTES } from '../../../src/limits.ts'
import { BODIES_BYTES, BODY_FREE_BYTES } from '../../../plugins/requests/limits.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const LARGE = 'v'.repeat(BODY_FREE_BYTES + 1)

/** A connection that begins a request; it ends with the test. */
async function begin(t: Test, node: TestNode, head: string, body = ''): Promise<Socket> {
  const socket = connect(Number(node.address.split(':')[1]), '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  socket.write(`${head}\r\nHost: n\r\n\r\n${body}`)
  return socket
}

/** Takes all the room there is, by batches of which not a byte has come. */
async function fillBudget(t: Test, node: TestNode): Promise<Socket[]> {
  const head = `POST /kv/batch HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${BATCH_BYTES}`
  const sockets = []
  for (let i = 0; i < Math.floor(BODIES_BYTES / BATCH_BYTES); i++) sockets.push(await begin(t, node, head))
  await until('there is no room', async () => (await put(node, 'probe', LARGE)).status === 503)
  return sockets
}

const put = (node: TestNode, key: string, body: string) => node.ask(`/kv/${key}`, { method: 'PUT', body })

/** What comes until it matches. */
async function answerOf(socket: Socket, pattern: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of socket) {
    text += String(chunk)
    if (pattern.test(text)) break
  }
  return text
}

t.test('what has no room is refused, the rest goes on', async t => {
  const [node] = await startNodes(t, 1)
  const held = await fillBudget(t, node)
  const refused = { status: 503, headers: { 'retry-after': '1' }, text: /KV_ERR_OVERLOADED/ }
  t.match(await put(node, 'k', LARGE), refused)
  t.match(await node.ask('/route', { method: 'POST', body: { key: 'k', val: LARGE } }), refused)
  t.match(
    await node.ask('/kv/batch', {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify({ operations: [{ op: 'put', key: 'k', value: LARGE }] })
    }),
    refused
  )
  t.match(
    await node.ask('/bulk_update_keys', { method: 'POST', body: { dic: JSON.stringify({ k: LARGE }) } }),
    refused
  )
  t.match(await node.ask('/kv/k'), { status: 404 }, 'nothing was written')
  t.match(await put(node, 'small', 'v'.repeat(BODY_FREE_BYTES)), { status: 204 })
  t.match(await node.ask('/kv/small'), { status: 200 })
  t.match(await put(node, 'k', 'v'.repeat(VALUE_BYTES + 1)), { status: 413 }, 'what is too large is told so')
  t.match(
    await node.ask('/internal/ops', {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: Buffer.alloc(1_000_000)
    }),
    { status: 400, text: /KV_ERR_FRAME/ },
    'frames are read'
  )
  held[0]?.destroy()
  await until('there is room again', async () => (await put(node, 'k', LARGE)).status === 204)
})

t.test('a request that was answered has given its room back', async t => {
  const [node] = await startNodes(t, 1)
  const value = 'v'.repeat(VALUE_BYTES)
  for (let i = 0; i < (2 * BODIES_BYTES) / VALUE_BYTES; i++) {
    const { status } = await put(node, 'k', i % 4 === 0 ? `${value}x` : value)
    if (status !== (i % 4 === 0 ? 413 : 204)) t.fail(`request ${i}: ${status}`)
  }
  t.match(await put(node, 'k', value), { status: 204 })
})

t.test('a connection whose body was refused goes on with its next request', async t => {
  const [node] = await startNodes(t, 1)
  await fillBudget(t, node)
  const socket = await begin(
    t,
    node,
    `PUT /kv/k HTTP/1.1\r\nContent-Length: ${VALUE_BYTES}`,
    'v'.repeat(1_000)
  )
  t.match(
    await answerOf(socket, /\r\n\r\n\{.*\}$/s),
    /^HTTP\/1.1 503 .*connection: keep-alive/is,
    'answered before the rest has come'
  )
  const after = await begin(
    t,
    node,
    `PUT /kv/k HTTP/1.1\r\nContent-Length: ${VALUE_BYTES}`,
    `${'v'.repeat(VALUE_BYTES)}GET /livez HTTP/1.1\r\nHost: n\r\n\r\n`
  )
  t.match(await answerOf(after, /"alive":true/), /^HTTP\/1.1 503 .*HTTP\/1.1 200 /s)
})

t.test(
  'a body of unknown length counts as the longest, and its connection ends where it is refused',
  async t => {
    const [node] = await startNodes(t, 1)
    const chunked = 'PUT /kv/k HTTP/1.1\r\nTransfer-Encoding: chunked'
    t.match(
      await answerOf(await begin(t, node, chunked, '1\r\nv\r\n0\r\n\r\n'), /\r\n\r\n/),
      /^HTTP\/1.1 204 /
    )
    await fillBudget(t, node)
    t.match(
      await answerOf(await begin(t, node, chunked, '1\r\nv\r\n'), /never/),
      /^HTTP\/1.1 503 .*connection: close/is
    )
  }
)
