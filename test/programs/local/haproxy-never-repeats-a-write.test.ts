// The project's HAProxy configuration: round robin over ready nodes, and a second attempt only where the
// first cannot have been seen.

import { request } from 'node:http'
import t, { type Test } from 'tap'
import { startHaproxy } from '../../support/cluster/haproxy.ts'
import { until } from '../../support/cluster/memcached.ts'
import { needs } from '../../support/cluster/programs.ts'
import { ask, startFakeNode, type FakeNode } from './fake-node.ts'

async function setup(t: Test, count: number) {
  const nodes: FakeNode[] = []
  for (let index = 0; index < count; index++) {
    nodes.push(
      await startFakeNode(t, (asked, response) => {
        if (asked.url === '/reset' || (index === 0 && asked.url?.endsWith('fatal'))) asked.socket.destroy()
        else response.end(String(index))
      })
    )
  }
  const haproxy = await startHaproxy(
    t,
    nodes.map(({ address }) => address)
  )
  const bodies = async (times: number): Promise<string> => {
    let all = ''
    for (; times > 0; times--) all += (await ask(haproxy.port)).body.toString()
    return all
  }
  return { nodes, haproxy, bodies }
}

t.test('each ready node in turn', async t => {
  if (!needs(t, 'haproxy')) return
  const { nodes, bodies } = await setup(t, 3)
  await until('all three are in turn', async () => /^(012012|120120|201201)$/.test(await bodies(6)))
  const [, middle] = nodes as [FakeNode, FakeNode]
  middle.readiness = 503
  await until('the one that is not ready is out', async () => !(await bodies(6)).includes('1'))
  middle.readiness = 200
  await until('it is back', async () => (await bodies(6)).includes('1'))
})

t.test('no request is lost to a refused connection', async t => {
  if (!needs(t, 'haproxy')) return
  const { nodes, haproxy, bodies } = await setup(t, 3)
  await until('all three are in turn', async () => /^(012012|120120|201201)$/.test(await bodies(6)))
  await nodes[2]?.close()
  // What HAProxy sends over a connection of which it has not yet noticed the end is lost, if it is a write;
  // reads make it notice.
  for (let times = 0; times < 12; times++) await ask(haproxy.port, { path: '/kv/x' })
  for (let times = 0; times < 60; times++) {
    const { status } = await ask(haproxy.port, { method: 'POST', path: `/${times}`, body: 'x' })
    if (status !== 200) t.fail(`request ${times}: ${status}`)
  }
})

t.test('a write is not repeated after a reset', async t => {
  if (!needs(t, 'haproxy')) return
  const { nodes, haproxy } = await setup(t, 2)
  for (let times = 0; times < 10; times++) {
    t.equal((await ask(haproxy.port, { method: 'POST', path: '/reset', body: 'x' })).status, 502)
  }
  t.equal(nodes.flatMap(({ seen }) => seen.filter(line => line === 'POST /reset')).length, 10)
})

t.test('a read whose node dies goes to another, and nothing else does', async t => {
  if (!needs(t, 'haproxy')) return
  const {
    nodes: [first],
    haproxy,
    bodies
  } = await setup(t, 2)
  await until('both are in turn', async () => /^(01|10)$/.test(await bodies(2)))
  for (const path of ['/kv/fatal', '/route?key=fatal']) {
    for (let times = 0; times < 4; times++) {
      t.match(await ask(haproxy.port, { path }), { status: 200, body: Buffer.from('1') }, `GET ${path}`)
    }
    t.ok(first?.seen.includes(`GET ${path}`), 'some came by way of the one that dies')
  }
  for (const [method, path] of [
    ['PUT', '/kv/fatal'],
    ['DELETE', '/route?key=fatal'],
    ['GET', '/add_node/1/fatal']
  ] as const) {
    const statuses = [
      await ask(haproxy.port, { method, path }),
      await ask(haproxy.port, { method, path })
    ].map(({ status }) => status)
    t.same(statuses.sort(), [200, 502], `${method} ${path}`)
  }
})

t.test('paths pass as they are', async t => {
  if (!needs(t, 'haproxy')) return
  const { nodes, haproxy } = await setup(t, 1)
  const paths = [
    '/kv/a%2Fb',
    '/kv//',
    '//',
    '/kv/%2e%2E/a',
    '/kv/a%00b',
    '/route?key=a+b&key=%2B',
    `/kv/${'%F0'.repeat(1024)}`
  ]
  for (const path of paths) await ask(haproxy.port, { path })
  t.same(
    nodes[0]?.seen.filter(line => line !== 'GET /'),
    paths.map(path => `GET ${path}`)
  )
})

t.test('the stats page is there, on its own address only', async t => {
  if (!needs(t, 'haproxy')) return
  const { haproxy } = await setup(t, 1)
  const status = await new Promise((resolve, reject) => {
    request({ socketPath: haproxy.stats, path: '/' }, answer => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end()
  })
  t.equal(status, 200)
})
