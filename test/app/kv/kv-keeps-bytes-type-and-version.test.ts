// `/kv/<key>`: raw bytes with content type, version, expiry and quorums of the request's own.

import t from 'tap'
import { startNodes } from '../../support/cluster/nodes.ts'

t.test('put, get, head and delete', async t => {
  const [a, b, c] = await startNodes(t, 3)
  const missing = await a.ask('/kv/k')
  t.match(
    { status: missing.status, ...missing.json() },
    { status: 404, statusCode: 404, code: 'KV_ERR_NOT_FOUND', error: 'Not Found' }
  )
  const written = await a.ask('/kv/k', {
    method: 'PUT',
    headers: { 'content-type': 'image/png' },
    body: Buffer.from([1, 2, 255])
  })
  t.match(written, { status: 204, text: '', headers: { etag: /^"[0-9a-f]{28}"$/ } })
  t.match(await b.ask('/kv/k'), {
    status: 200,
    body: Buffer.from([1, 2, 255]),
    headers: { 'content-type': 'image/png', etag: written.headers.etag }
  })
  t.match(await c.ask('/kv/k', { method: 'HEAD' }), {
    status: 200,
    text: '',
    headers: { 'content-type': 'image/png', 'content-length': '3', etag: written.headers.etag }
  })
  t.match(await b.ask('/kv/k', { method: 'DELETE' }), { status: 204, text: '' })
  t.match(await c.ask('/kv/k'), { status: 404 })
  t.match(await c.ask('/kv/k', { method: 'HEAD' }), { status: 404, text: '' })
  t.match(await b.ask('/kv/k', { method: 'DELETE' }), { status: 204 }, 'whether or not it was there')
})

t.test('versions grow', async t => {
  const [a, b] = await startNodes(t, 3)
  let last = ''
  for (let i = 0; i < 20; i++) {
    const { headers } = await (i % 2 === 0 ? a : b).ask('/kv/k', { method: 'PUT', body: String(i) })
    t.ok(String(headers.etag) > last)
    last = String(headers.etag)
  }
})

for (const type of [
  'text/plain',
  'text/plain; charset=latin1',
  'application/json',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/octet-stream',
  'application/vnd.x+json; v="1;2"',
  `x/${'y'.repeat(254)}`
]) {
  t.test(`the content type ${type.slice(0, 40)} is kept as it is, and the body is not looked at`, async t => {
    const [node] = await startNodes(t, 1)
    const body = Buffer.from('{"not json')
    t.equal((await node.ask('/kv/k', { method: 'PUT', headers: { 'content-type': type }, body })).status, 204)
    t.match(await node.ask('/kv/k'), { status: 200, body, headers: { 'content-type': type } })
    t.match(await node.ask('/route?key=k'), { status: 200, body, headers: { 'content-type': type } })
  })
}

t.test('without a content type', async t => {
  const [node] = await startNodes(t, 1)
  t.equal((await node.ask('/kv/k', { method: 'PUT', body: 'x' })).status, 204)
  t.match(await node.ask('/kv/k'), { text: 'x', headers: { 'content-type': 'application/octet-stream' } })
  t.match(await node.ask('/route?key=k'), {
    text: 'x',
    headers: { 'content-type': 'text/plain; charset=utf-8' }
  })
})

t.test('an empty value is a value', async t => {
  const [a, b] = await startNodes(t, 3)
  t.equal((await a.ask('/kv/k', { method: 'PUT' })).status, 204)
  t.match(await b.ask('/kv/k'), { status: 200, text: '', headers: { 'content-length': '0' } })
  t.match(await b.ask('/route?key=k'), { status: 200, text: '' })
})

t.test('a ttl ends a value on every node, and what it replaced stays hidden', async t => {
  let nowMs = 1_700_000_000_000
  const [a, b, c] = await startNodes(t, 3, { wallMs: () => nowMs })
  await a.ask('/kv/k', { method: 'PUT', body: 'old' })
  await c.stop()
  t.equal((await a.ask('/kv/k?ttl=10', { method: 'PUT', body: 'short-lived' })).status, 204)
  nowMs += 9_999
  t.match(await b.ask('/kv/k'), { status: 200, text: 'short-lived' })
  nowMs += 1
  for (const node of [a, b]) {
    t.equal((await node.ask('/kv/k')).status, 404)
    t.match(await node.ask('/route?key=k'), { status: 404, text: 'N/A' })
    t.match(await node.ask('/cache?key=k'), { status: 404, text: 'N/A' })
  }
  await c.start()
  for (const node of [a, b, c]) {
    t.equal(
      (await node.ask('/kv/k')).status,
      404,
      'the node that missed it does not bring the old value back'
    )
  }
  await c.ask('/kv/k', { method: 'PUT', body: 'new' })
  nowMs += 1_000_000
  t.match(await a.ask('/kv/k'), { status: 200, text: 'new' }, 'a write without ttl does not expire')
})

t.test('a ttl from one second to a year', async t => {
  let nowMs = 1_700_000_000_000
  const [node] = await startNodes(t, 1, { wallMs: () => nowMs })
  t.equal((await node.ask('/kv/k?ttl=31536000', { method: 'PUT', body: 'x' })).status, 204)
  nowMs += 31_536_000_000 - 1
  t.equal((await node.ask('/kv/k')).status, 200)
  nowMs += 1
  t.equal((await node.ask('/kv/k')).status, 404)
})
