// A batch ends in time, whatever its operations wait for: what has not been begun is not carried out, and
// says so. A client who has gone leaves nothing behind that works for nobody, and what all of them hold is
// bounded.

import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { type Storage } from '../../../src/core/ports.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { BATCH_ANSWER_BYTES, BATCH_BEGIN_MS, BATCHES_ANSWER_BYTES } from '../../../src/limits.ts'
import { until } from '../../support/cluster/memcached.ts'
import { recordOf } from '../../plugins/peers/fake-peer.ts'
import { startNodes, type Answer, type TestNode } from '../../support/cluster/nodes.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const body = (operations: unknown[]): string => JSON.stringify({ operations })
const batch = (node: TestNode, operations: unknown[]): Promise<Answer> =>
  node.ask('/kv/batch', { method: 'POST', headers: JSON_TYPE, body: body(operations) })
const puts = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ op: 'put', key: 'k', value: String(i) }))

/** A connection whose client asks and does not read. */
function askUnread(t: Test, { address }: TestNode, operations: unknown[]): Socket {
  const [host, port] = address.split(':')
  const socket = connect(Number(port), host)
    .pause()
    .on('error', () => {})
  t.teardown(() => socket.destroy())
  const text = body(operations)
  socket.write(
    `POST /kv/batch HTTP/1.1\r\nHost: ${address}\r\nContent-Type: ` +
      `application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  )
  return socket
}

interface Gated {
  readonly node: TestNode
  readonly storage: Storage
  readonly merged: () => number
  readonly open: () => void
}

/** A node that stores nothing before its gate is opened; `storage` is what lies behind it. */
async function startGated(t: Test): Promise<Gated> {
  let merged = 0
  let storage: Storage | undefined
  let open = (): void => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  const wrap = (inner: Storage): Storage => {
    storage = inner
    return Object.create(inner, {
      merge: {
        async value(...pair: Parameters<Storage['merge']>) {
          merged++
          await opened
          return inner.merge(...pair)
        }
      }
    })
  }
  const [node] = await startNodes(t, 1, { wrap })
  t.teardown(open)
  return { node, storage: storage as unknown as Storage, merged: () => merged, open }
}

t.test('what was not begun in time is not carried out', async t => {
  const { node, merged, open } = await startGated(t)
  const beganMs = performance.now()
  const asked = batch(node, puts(10))
  await until('its time is over', () => performance.now() > beganMs + BATCH_BEGIN_MS + 500)
  open()
  const { results } = (await asked).json()
  t.match(results, [
    { status: 204 },
    ...Array(9).fill({ status: 503, code: 'KV_ERR_OVERLOADED', message: /not carried out/ })
  ])
  t.equal(merged(), 1)
  t.equal((await node.ask('/kv/k')).text, '0')
})

t.test('for a client who has gone nothing more is begun', async t => {
  const { node, merged, open } = await startGated(t)
  const [host, port] = node.address.split(':')
  const socket = connect(Number(port), host)
  const text = body(puts(10))
  socket.write(
    `POST /kv/batch HTTP/1.1\r\nHost: ${node.address}\r\nContent-Type: ` +
      `application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`
  )
  await until('the first is under way', () => merged() === 1)
  const closed = new Promise(resolve =>
    node.app.server.once('connection', taken => taken.once('close', resolve))
  )
  socket.destroy()
  // The server has seen the end of a later connection, so it has seen this one's.
  const later = connect(Number(port), host)
  later.once('connect', () => later.destroy())
  await closed
  open()
  await until('the first is stored', async () => (await node.ask('/kv/k')).text === '0')
  t.match((await batch(node, [{ op: 'put', key: 'other', value: 'v' }])).json(), {
    results: [{ status: 204 }]
  })
  t.equal(merged(), 2)
})

t.test('all batches together hold only so much', async t => {
  const { node, storage, merged, open } = await startGated(t)
  await storage.merge(slotOf('k'), 'k', recordOf(Buffer.alloc(1_000_000, 'v'), Date.now()))
  const gets = Array(Math.floor(BATCH_ANSWER_BYTES / 1_000_000)).fill({ op: 'get', key: 'k' })
  const full = Math.floor(BATCHES_ANSWER_BYTES / (gets.length * 1_000_000))
  const asked = Array.from({ length: full }, () =>
    batch(node, [...gets, { op: 'put', key: 'k', value: 'w' }])
  )
  await until('all hold their values', () => merged() === full)
  const refused: Array<{ status: number; code?: string }> = (await batch(node, gets)).json().results
  t.match(refused.at(-1), { status: 503, code: 'KV_ERR_OVERLOADED', message: /too large/ })
  open()
  for (const answer of await Promise.all(asked)) {
    t.match(
      answer.json().results.map(({ status }: { status: number }) => status),
      [...gets.map(() => 200), 204]
    )
  }
  t.match((await batch(node, [{ op: 'get', key: 'k' }])).json(), { results: [{ status: 200, value: 'w' }] })
})

t.test('an answer counts until it has been sent', async t => {
  const [node] = await startNodes(t, 1)
  await node.ask('/kv/k', { method: 'PUT', body: Buffer.alloc(1_000_000, 'v') })
  const gets = Array(Math.floor(BATCH_ANSWER_BYTES / 1_000_000) - 1).fill({ op: 'get', key: 'k' })
  const unread = Array.from({ length: Math.floor(BATCHES_ANSWER_BYTES / (gets.length * 1_000_000)) }, () =>
    askUnread(t, node, gets)
  )
  await until('all have their answer', () => node.app.unsent.bytes >= unread.length * gets.length * 1_000_000)
  t.match((await batch(node, gets)).json().results.at(-1), {
    status: 503,
    code: 'KV_ERR_OVERLOADED',
    message: /too large/
  })
  t.match(await node.ask('/kv/k'), { status: 200 }, 'single values have room')
  for (const socket of unread.slice(1)) socket.destroy()
  await until('their clients have gone', () => node.app.unsent.bytes < 2 * gets.length * 1_000_000)
  t.match((await batch(node, gets)).json().results.at(-1), { status: 200 })
})

t.test('clients that take nothing make room for other batches', async t => {
  const [node] = await startNodes(t, 1)
  await node.ask('/kv/k', { method: 'PUT', body: Buffer.alloc(1_000_000, 'v') })
  const gets = Array(Math.floor(BATCH_ANSWER_BYTES / 1_000_000) - 1).fill({ op: 'get', key: 'k' })
  for (let i = 0; i < Math.floor(BATCHES_ANSWER_BYTES / (gets.length * 1_000_000)); i++) {
    askUnread(t, node, gets)
  }
  await until(
    'another finds room',
    async () => (await batch(node, gets)).json().results.at(-1).status === 200
  )
  t.pass()
})
