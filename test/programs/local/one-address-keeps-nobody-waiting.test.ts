// What one address may hold of HAProxy is bounded, so that others are served whatever it does: connections,
// and requests under way.

import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { startHaproxy, type HaproxyOptions } from '../../support/cluster/haproxy.ts'
import { until } from '../../support/cluster/memcached.ts'
import { needs } from '../../support/cluster/programs.ts'
import { ask, startFakeNode, type Answer } from './fake-node.ts'

/** Whoever takes more than its share; the test's own looks come from 127.0.0.1. */
const GREEDY = '127.0.0.2'
const OTHER = '127.0.0.3'
const DEADLINE_MS = 5_000

/** A node that answers, but to `/held/...` only once it is told to; and HAProxy before it. */
async function setup(t: Test, options: HaproxyOptions) {
  const held: Array<() => void> = []
  const node = await startFakeNode(t, (asked, response) => {
    if (asked.url === '/kv/held') held.push(() => response.end('late'))
    else response.end('answer')
  })
  const { port } = await startHaproxy(t, [node.address], options)
  const from = (localAddress: string, path = '/kv/x', agent: Agent | false = false) =>
    ask(port, { path, localAddress, agent, deadlineMs: DEADLINE_MS })
  return { held, port, from }
}

function isTooMany(t: Test, { status, headers, body }: Answer): void {
  t.match(JSON.parse(body.toString()), {
    statusCode: 429,
    code: 'KV_ERR_TOO_MANY',
    error: 'Too Many Requests'
  })
  t.match({ status, headers }, { status: 429, headers: { 'retry-after': '1', connection: 'close' } })
}

function keepAliveAgent(t: Test): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return agent
}

t.test('a thousand idle connections', async t => {
  if (!needs(t, 'haproxy')) return
  // Else they would be closed after a while, and room be there again.
  const { port, from } = await setup(t, {
    edit: config => config.replace('timeout http-request 10s', 'timeout http-request 10m')
  })
  let closed = 0
  const open = (): Socket =>
    connect({ port, host: '127.0.0.1', localAddress: GREEDY })
      .on('error', () => {})
      .on('close', () => {
        closed++
      })
  const sockets = Array.from({ length: 1_000 }, open)
  t.teardown(() => sockets.forEach(socket => socket.destroy()))
  // 500 and a quarter of it, where the rounding lets in one more.
  await until('what is beyond its share is refused', () => closed >= 374)
  for (let times = 0; times < 10; times++) t.match(await from(OTHER), { status: 200 })
  t.ok(closed < 380, 'and the rest is still there')
})

t.test('a connection beyond the share is told so', async t => {
  if (!needs(t, 'haproxy')) return
  const { from } = await setup(t, { env: { RINGKEEP_SOURCE_CONNS: '3' } })
  const agents = Array.from({ length: 3 }, () => keepAliveAgent(t))
  for (const agent of agents) t.match(await from(GREEDY, '/kv/x', agent), { status: 200 })
  isTooMany(t, await from(GREEDY))
  for (const agent of agents) {
    t.match(await from(GREEDY, '/kv/x', agent), { status: 200 }, 'those within it are served')
  }
  t.match(await from(OTHER), { status: 200 })
  agents[0]?.destroy()
  await until('there is room again', async () => (await from(GREEDY)).status === 200)
})

t.test('requests that are under way', async t => {
  if (!needs(t, 'haproxy')) return
  const { held, from } = await setup(t, { env: { RINGKEEP_SOURCE_REQUESTS: '2' } })
  const first = [from(GREEDY, '/kv/held'), from(GREEDY, '/kv/held')]
  await until('they are under way', () => held.length === 2)
  isTooMany(t, await from(GREEDY))
  t.match(await from(OTHER), { status: 200 })
  for (const answer of held) answer()
  for (const answer of await Promise.all(first)) t.match(answer, { status: 200 })
  await until('there is room again', async () => (await from(GREEDY)).status === 200)
})

t.test('a connection that was never used is closed without an answer to nobody', async t => {
  if (!needs(t, 'haproxy')) return
  const { port } = await setup(t, {
    edit: config => config.replace('timeout http-request 10s', 'timeout http-request 50ms')
  })
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  await once(socket, 'close')
  t.equal(text, '')
})
