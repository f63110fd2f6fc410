// A host that is no node of this cluster gets nothing from it by which it could pass for one: not the token,
// and no proof that is good elsewhere. Each of these hosts is one that an operator adds by mistake.

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { NONCE_BYTES } from '../../../src/core/messages/hello.ts'
import { startNodes } from '../../support/cluster/nodes.ts'

const TOKEN = 'a-secret-that-nobody-else-has'
const AS_OPERATOR = { authorization: `Bearer ${TOKEN}` }

type Respond = (body: any, name: string, socket: Socket) => object | undefined

interface Host {
  readonly name: string
  readonly heard: () => string
}

/** A host that hears requests one by one, and answers what it is told, with 200. */
async function startHost(t: Test, respond: Respond): Promise<Host> {
  let heard = ''
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => {}))
    socket.on('data', chunk => {
      heard += chunk.toString('latin1')
      const json = /\{.*\}$/.exec(chunk.toString('latin1'))?.[0]
      const answer = json === undefined ? undefined : respond(JSON.parse(json), name, socket)
      if (answer !== undefined) reply(socket, answer)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { name, heard: () => heard }
}

function reply(socket: Socket, body: object): void {
  const text = JSON.stringify(body)
  socket.write(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
  )
}

const NONCE = 'ab'.repeat(NONCE_BYTES)

t.test('hosts that are added by mistake', async t => {
  const nodes = await startNodes(t, 2, { replicas: 1, token: TOKEN })
  const [a, b] = nodes
  const before = (await a.ask('/hash_ring', { headers: AS_OPERATOR })).text
  const hosts: { [what: string]: Respond } = {
    'answers garbage': (_body, _name, socket) => {
      socket.write('\x00\x01 garbage\r\n\r\n')
    },
    'answers without an end': (_body, _name, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(10_000)}`)
    },
    'says yes to everything': () => ({}),
    'has no proof': (body, name) => (body.proof === undefined ? { node: name, nonce: NONCE } : { proof: '' }),
    'has another proof': (body, name) =>
      body.proof === undefined ? { node: name, nonce: NONCE } : { proof: NONCE },
    'gives the same nonce and proof back': (body, name) =>
      body.proof === undefined ? { node: name, nonce: body.nonce } : { proof: body.proof },
    'is a node that has another name': _body => ({ node: b.address, nonce: NONCE })
  }
  for (const [what, respond] of Object.entries(hosts)) {
    const host = await startHost(t, respond)
    const refused = await a.ask(`/add_node/2000/${host.name}`, { headers: AS_OPERATOR })
    t.match(refused.json().code, /^KV_ERR_NODE_(NAME|NOT_READY)$/, what)
    t.match(host.heard(), 'POST /internal/hello', what)
    t.notMatch(host.heard(), TOKEN, what)
    t.notMatch(host.heard(), '/internal/tidy', what)
  }
  t.equal((await a.ask('/hash_ring', { headers: AS_OPERATOR })).text, before)
})

/** Hands what the host is sent on to a node, with the names changed so that each side sees the host's. */
function forwarder(node: string): Respond {
  const onward = new WeakMap<Socket, Socket>()
  return (body, name, socket) => {
    let other = onward.get(socket)
    if (other === undefined) {
      const [host, port] = node.split(':') as [string, string]
      other = connect(Number(port), host)
      onward.set(socket, other)
      socket.on('close', () => other?.destroy())
      other
        .on('error', () => {})
        .on('data', chunk => {
          socket.write(chunk.toString('latin1').replace(node, name.padEnd(node.length)))
        })
    }
    const text = JSON.stringify(body)
    other.write(
      `POST /internal/hello HTTP/1.1\r\nhost: x\r\ncontent-type: ` +
        `application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
    )
    return undefined
  }
}

t.test('a host that forwards to a node', async t => {
  const nodes = await startNodes(t, 2, { replicas: 1, token: TOKEN })
  const [a, b] = nodes
  const host = await startHost(t, forwarder(b.address))
  const refused = await a.ask(`/add_node/2000/${host.name}`, { headers: AS_OPERATOR })
  t.match(
    { status: refused.status, ...refused.json() },
    { status: 503, code: 'KV_ERR_NODE_NOT_READY', message: /401|token/ },
    'the node was asked to prove itself by another name than its own'
  )
  t.match(host.heard(), '"proof"', 'it got as far as that')
  t.notMatch(host.heard(), TOKEN)
  t.notMatch(host.heard(), '/internal/tidy')
})

t.test('a host that asks', async t => {
  const [node] = await startNodes(t, 1, { replicas: 1, token: TOKEN })
  const say = (body: unknown) =>
    node.ask('/internal/hello', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body)
    })
  const first = await say({ from: '127.0.0.1:9', nonce: NONCE })
  t.match(
    { status: first.status, ...first.json() },
    { status: 200, node: node.address, nonce: /^[0-9a-f]{64}$/ }
  )
  t.equal(first.json().proof, undefined, 'nothing that the token could be guessed from')
  t.not((await say({ from: '127.0.0.1:9', nonce: NONCE })).json().nonce, first.json().nonce)
  for (const proof of [NONCE, '', 7, null]) t.match(await say({ proof }), { status: 401 })
  t.match(await say({}), { status: 400 })
  t.match(await node.ask('/internal/progress', { method: 'POST' }), { status: 401 })
})
