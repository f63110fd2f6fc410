// A host that takes connections and says nothing, or nothing more after its hello, costs the request that
// wants to add it a few seconds, and the ring nothing.

import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { NONCE_BYTES } from '../../../src/core/messages/hello.ts'
import { HELLO_MS, PEER_CONNECT_MS } from '../../../plugins/peers/limits.ts'
import { TIDY_CALL_MS, TIDY_WAIT_MS } from '../../../plugins/changes/limits.ts'
import { startNodes } from '../../support/cluster/nodes.ts'
import { isOk } from '../../support/cluster/ring-changes.ts'

/** `answer`: what it says to the first bytes of a connection, if anything. */
async function startMute(t: Test, answer?: (name: string) => string): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}))
    socket
      .once('data', () => {
        if (answer !== undefined) socket.write(answer(name))
      })
      .resume()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return name
}

const hello = (name: string) => {
  const body = JSON.stringify({ node: name, nonce: '0'.repeat(2 * NONCE_BYTES) })
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

t.test('two kinds of silence', async t => {
  const nodes = await startNodes(t, 2, { replicas: 1, members: 1 })
  const [a, b] = nodes
  const before = (await a.ask('/hash_ring')).text
  t.ok(
    PEER_CONNECT_MS + HELLO_MS + TIDY_CALL_MS < TIDY_WAIT_MS / 4,
    'far less than a node that purges is waited for'
  )
  for (const name of [await startMute(t), await startMute(t, hello)]) {
    const beganMs = performance.now()
    const refused = await a.ask(`/add_node/2000/${name}`)
    t.match({ status: refused.status, ...refused.json() }, { status: 503, code: 'KV_ERR_NODE_NOT_READY' })
    t.ok(performance.now() - beganMs < TIDY_WAIT_MS / 4)
    t.equal((await a.ask('/hash_ring')).text, before)
  }
  isOk(t, await a.ask(`/add_node/2000/${b.address}`), 'and nothing is in the way of another change')
})
