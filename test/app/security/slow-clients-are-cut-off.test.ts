// Whoever takes for ever to say what they want is cut off, and so is whoever opens more connections than a
// process has room for; the others are served meanwhile.

import { once } from 'node:events'
import { type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { CONNECTIONS, HEAD_MS, REQUEST_MS } from '../../../src/limits.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'

async function open(t: Test, { address }: TestNode): Promise<Socket> {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** What comes until the other side ends the connection. */
async function rest(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += chunk as string
  return text
}

for (const [what, begun] of [
  ['a head', 'GET /route?key=k HTTP/1.1\r\nHost: n\r\nX-'],
  ['a body', 'PUT /kv/k HTTP/1.1\r\nHost: n\r\nContent-Length: 10\r\n\r\nabc']
] as const) {
  t.test(`${what} that does not end`, async t => {
    const [node] = await startNodes(t, 1)
    const server = node.app.server as Server
    t.equal(server.headersTimeout, HEAD_MS)
    t.equal(server.requestTimeout, REQUEST_MS)
    Object.assign(server, { headersTimeout: 100, requestTimeout: 200 })
    const socket = await open(t, node)
    socket.write(begun)
    const ended = rest(socket)
    t.match(await node.ask('/kv/other', { method: 'PUT', body: 'v' }), { status: 204 }, 'others are served')
    t.match(await ended, /^HTTP\/1.1 408 /)
    t.match(await node.ask('/kv/k'), { status: 404 }, 'and nothing was written')
  })
}

t.test('too many connections', async t => {
  const [node] = await startNodes(t, 1)
  const server = node.app.server as Server
  t.equal(server.maxConnections, CONNECTIONS)
  await node.ask('/livez')
  server.maxConnections = await new Promise<number>((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
  )
  t.equal(await rest(await open(t, node)).catch(() => ''), '', 'one more is closed at once')
  t.match(await node.ask('/livez'), { status: 200 }, 'those that are open go on')
})
