// A request goes to the next node when the first cannot have seen it. After a reset only a read without a
// body does.

import t, { type Test } from 'tap'
import { startBalancer, type Balancer } from '../../../src/programs/local/balancer.ts'
import { ask, startFakeNode, type FakeNode } from './fake-node.ts'

async function start(t: Test, nodes: FakeNode[]): Promise<Balancer> {
  const balancer = await startBalancer({
    host: '127.0.0.1',
    port: 0,
    nodes: nodes.map(({ address }) => address)
  })
  t.teardown(() => balancer.close())
  return balancer
}

for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
  t.test(`${method} goes to the next node when the connection is refused`, async t => {
    const gone = await startFakeNode(t, (_, response) => response.end('gone'))
    const there = await startFakeNode(t, (asked, response) => asked.pipe(response))
    const balancer = await start(t, [gone, there])
    await gone.close()
    const body = method === 'POST' || method === 'PUT' ? 'all of it' : ''
    const answer = await ask(balancer.port, { method, body })
    t.equal(answer.status, 200)
    t.equal(answer.body.toString(), body)
    t.same(there.seen, [`${method} /`])
  })
}

for (const { method, body } of [
  { method: 'POST', body: 'key=a&val=b' },
  { method: 'PUT', body: '' },
  { method: 'DELETE' },
  { method: 'GET', body: 'x' }
]) {
  t.test(`${method}${body ? ' with a body' : ''} is not repeated after a reset`, async t => {
    const nodes = [await startFakeNode(t, reset), await startFakeNode(t, reset)]
    const balancer = await start(t, nodes)
    const headers = body ? { 'content-length': body.length } : {}
    const answer = await ask(balancer.port, { method, headers, ...(body === undefined ? {} : { body }) })
    t.equal(answer.status, 502)
    t.match(JSON.parse(answer.body.toString()), {
      statusCode: 502,
      code: 'KV_ERR_NODE_LOST',
      message: /outcome is unknown/
    })
    t.equal(nodes.flatMap(({ seen }) => seen).length, 1)
  })
}

for (const method of ['GET', 'HEAD']) {
  t.test(`${method} is repeated after a reset, once on each node`, async t => {
    const nodes = [
      await startFakeNode(t, reset),
      await startFakeNode(t, reset),
      await startFakeNode(t, (_, response) => response.end('here'))
    ]
    const balancer = await start(t, nodes)
    t.equal((await ask(balancer.port, { method })).status, 200)
    t.same(
      nodes.map(({ seen }) => seen.length),
      [1, 1, 1]
    )
  })
}

t.test('an answer that breaks off breaks off for the client', async t => {
  const node = await startFakeNode(t, (asked, response) => {
    response.write('half', () => asked.socket.destroy())
  })
  const balancer = await start(t, [node])
  await t.rejects(ask(balancer.port), { code: 'ECONNRESET' })
  t.equal(node.seen.length, 1)
})

function reset(asked: { socket: { destroy(): void } }): void {
  asked.socket.destroy()
}
