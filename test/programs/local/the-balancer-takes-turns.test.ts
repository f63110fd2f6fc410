// Requests go round over the nodes that are ready, and to no other.

import t, { type Test } from 'tap'
import { startBalancer } from '../../../src/programs/local/balancer.ts'
import { ask, startFakeNode, type FakeNode } from './fake-node.ts'

async function setup(t: Test, count: number) {
  const nodes: FakeNode[] = []
  for (let index = 0; index < count; index++) {
    nodes.push(await startFakeNode(t, (_, response) => response.end(String(index))))
  }
  const balancer = await startBalancer({
    host: '127.0.0.1',
    port: 0,
    nodes: nodes.map(({ address }) => address)
  })
  t.teardown(() => balancer.close())
  const bodies = async (times: number): Promise<string> => {
    let all = ''
    for (; times > 0; times--) all += (await ask(balancer.port)).body.toString()
    return all
  }
  return { nodes, balancer, bodies }
}

t.test('each ready node in turn', async t => {
  const { bodies } = await setup(t, 3)
  t.match('012012012', await bodies(6))
})

t.test('a node that is not ready is passed over until it is', async t => {
  const { nodes, balancer, bodies } = await setup(t, 3)
  const middle = nodes[1] as FakeNode
  middle.readiness = 503
  await balancer.check()
  t.notMatch(await bodies(6), /1/)
  middle.readiness = 200
  await balancer.check()
  t.match(await bodies(6), /1.*1/)
})

t.test('without any ready node the answer says so', async t => {
  const { nodes, balancer } = await setup(t, 2)
  for (const node of nodes) node.readiness = 503
  await balancer.check()
  const { status, headers, body } = await ask(balancer.port, {
    method: 'POST',
    path: '/route',
    body: 'key=a&val=b'
  })
  t.equal(status, 503)
  t.equal(headers['retry-after'], '1')
  t.match(JSON.parse(body.toString()), {
    statusCode: 503,
    code: 'KV_ERR_NO_NODE',
    error: 'Service Unavailable',
    message: /no node/
  })
  t.same(
    nodes.flatMap(({ seen }) => seen),
    []
  )
})

t.test('a port in use is an error of the start', async t => {
  const { balancer } = await setup(t, 1)
  await t.rejects(startBalancer({ host: '127.0.0.1', port: balancer.port, nodes: [] }), {
    code: 'EADDRINUSE'
  })
})
