// What one address may have open at the local balancer is bounded, and what clients are told of idle
// connections is true.

import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { startBalancer } from '../../../src/programs/local/balancer.ts'
import {
  BALANCER_IDLE_MS,
  BALANCER_IDLE_TOLD_S,
  SOURCE_CONNECTIONS,
  SOURCE_CONNECTIONS_SILENT
} from '../../../src/programs/local/limits.ts'
import { until } from '../../support/cluster/memcached.ts'
import { ask, startFakeNode } from './fake-node.ts'

const GREEDY = '127.0.0.2'
const OTHER = '127.0.0.3'

async function setup(t: Test) {
  const node = await startFakeNode(t, (_asked, response) => response.end('answer'))
  const balancer = await startBalancer({ host: '127.0.0.1', port: 0, nodes: [node.address] })
  t.teardown(() => balancer.close())
  return balancer
}

t.test('many connections of one address', async t => {
  const { port } = await setup(t)
  let closed = 0
  const opened: Array<Promise<void>> = []
  const open = (): Socket => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: GREEDY })
      .on('error', () => {})
      .on('close', () => {
        closed++
      })
    opened.push(new Promise(resolve => socket.once('connect', resolve).once('close', resolve)))
    return socket
  }
  const sockets = Array.from({ length: SOURCE_CONNECTIONS }, open)
  t.teardown(() => sockets.forEach(socket => socket.destroy()))
  await Promise.all(opened)
  t.match(await ask(port, { localAddress: GREEDY }), {
    status: 429,
    headers: { 'retry-after': '1', connection: 'close' },
    body: /"code":"KV_ERR_TOO_MANY"/
  })
  t.equal(closed, 0, 'those within it stay')
  sockets.push(...Array.from({ length: SOURCE_CONNECTIONS }, open))
  await until(
    'what is far beyond it is closed',
    () => closed === 2 * SOURCE_CONNECTIONS - SOURCE_CONNECTIONS_SILENT
  )
  t.match(await ask(port, { localAddress: OTHER }), { status: 200 })
  sockets.forEach(socket => socket.destroy())
  await until(
    'there is room again',
    async () =>
      await ask(port, { localAddress: GREEDY }).then(
        ({ status }) => status === 200,
        () => false
      )
  )
})

t.test('an idle connection', async t => {
  const { port } = await setup(t)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const { headers } = await ask(port, { agent })
  t.equal(headers['keep-alive'], `timeout=${BALANCER_IDLE_TOLD_S}`)
  t.ok(BALANCER_IDLE_TOLD_S * 1000 < BALANCER_IDLE_MS)
})
