// Paths, queries, headers and bodies reach the node, and the client, byte for byte.

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { startBalancer } from '../../../src/programs/local/balancer.ts'
import { ask, startFakeNode } from './fake-node.ts'

async function setup(t: Test, answer: RequestListener) {
  const node = await startFakeNode(t, answer)
  const balancer = await startBalancer({ host: '127.0.0.1', port: 0, nodes: [node.address] })
  t.teardown(() => balancer.close())
  return { node, port: balancer.port }
}

const paths = [
  '/kv/a%2Fb',
  '/kv/a/b',
  '/kv//',
  '//',
  '//kv/a',
  '/kv/..',
  '/kv/%2e%2E',
  '/kv/../livez',
  '/kv/a%00b',
  '/kv/%zz',
  '/kv/%C3%A4?',
  '/route?key=a+b&key=%2B',
  '/route?key=a?b=c&&=',
  `/kv/${'%F0'.repeat(1024)}`,
  '/kv/|{}^`"\\',
  '/kv/a?r=1;w=2#'
]

t.test('paths and queries', async t => {
  const { node, port } = await setup(t, (_, response) => response.end())
  for (const path of paths) await ask(port, { path, method: 'OPTIONS' })
  t.same(
    node.seen,
    paths.map(path => `OPTIONS ${path}`)
  )
})

t.test('methods', async t => {
  const { node, port } = await setup(t, (_, response) => response.end())
  const methods = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE']
  for (const method of methods) await ask(port, { method })
  t.same(
    node.seen,
    methods.map(method => `${method} /`)
  )
})

t.test('headers of the request', async t => {
  let seen: IncomingMessage['headers'] = {}
  const { port } = await setup(t, (asked, response) => {
    seen = asked.headers
    response.end()
  })
  const headers = {
    host: 'some.name:1',
    'x-twice': ['a', 'b'],
    'content-type': 'text/\xe4',
    authorization: 'Bearer x'
  }
  await ask(port, { headers })
  t.match(seen, { ...headers, 'x-twice': 'a, b' })
})

t.test('status and headers of the answer', async t => {
  const { port } = await setup(t, (_, response) => {
    response.writeHead(418, [
      'Set-Cookie',
      'a',
      'set-cookie',
      'b',
      'Content-Type',
      'x/\xe4',
      'ETag',
      '"1"',
      'X-Mine',
      '1'
    ])
    response.end()
  })
  const { status, headers } = await ask(port)
  t.equal(status, 418)
  t.match(headers, { 'set-cookie': ['a', 'b'], 'content-type': 'x/\xe4', etag: '"1"', 'x-mine': '1' })
})

t.test('bodies, both ways, with and without a length', async t => {
  const { port } = await setup(t, (asked, response) => asked.pipe(response))
  for (const method of ['POST', 'PUT', 'DELETE']) {
    for (const body of [Buffer.alloc(0), Buffer.from('\r\n\0\xff', 'latin1'), randomBytes(1_000_000)]) {
      t.same((await ask(port, { method, body, headers: { 'transfer-encoding': 'chunked' } })).body, body)
      t.same((await ask(port, { method, body, headers: { 'content-length': body.length } })).body, body)
    }
  }
})

t.test('a request without a body stays without one', async t => {
  let headers: IncomingMessage['headers'] = {}
  const { port } = await setup(t, (asked, response) => {
    headers = asked.headers
    response.end()
  })
  const socket = connect(port, '127.0.0.1', () =>
    socket.end('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  )
  await once(socket.resume(), 'close')
  t.equal(headers['transfer-encoding'], undefined)
  t.equal(headers['content-length'], '0')
})

t.test('thirty megabytes', async t => {
  const body = randomBytes(30 * 1024 * 1024)
  const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
  const { port } = await setup(t, (asked, response) => asked.pipe(response))
  t.equal(sha((await ask(port, { method: 'POST', body })).body), sha(body))
})

t.test('a body larger than any node takes is refused', async t => {
  const { node, port } = await setup(t, (_, response) => response.end())
  const { status, body } = await ask(port, { method: 'POST', body: Buffer.alloc(33 * 1024 * 1024) })
  t.equal(status, 413)
  t.match(JSON.parse(body.toString()), { code: 'KV_ERR_BODY_TOO_LARGE' })
  t.same(node.seen, [])
})

t.test('an answer is passed on while it is being made', async t => {
  let answering: ServerResponse | undefined
  const { port } = await setup(t, (_, response) => {
    answering = response
    response.write('first')
  })
  const asking = request({ host: '127.0.0.1', port, agent: false })
  asking.end()
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  t.equal(String((await once(answer, 'data'))[0]), 'first')
  const ended = once(answer, 'end')
  answering?.end('last')
  t.equal(String((await once(answer, 'data'))[0]), 'last')
  await ended
})

t.test('a client that goes away takes its request with it', async t => {
  const asked = new Promise<IncomingMessage>(resolve => {
    setup(t, resolve)
      .then(({ port }) => {
        const asking = request({ host: '127.0.0.1', port, agent: false })
        asking.on('error', () => {})
        asking.end()
        asked.then(() => asking.destroy()).catch(t.threw)
      })
      .catch(t.threw)
  })
  await once((await asked).socket, 'close')
  t.pass('the node has seen it')
})
