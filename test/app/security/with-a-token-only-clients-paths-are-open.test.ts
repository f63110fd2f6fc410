// With a cluster token everything needs it but what clients use. Nodes with the same token work together; one
// with another is refused, and stays alive.

import t from 'tap'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'

type Three = [TestNode, TestNode, TestNode]

const OPEN = new Set(['/', '/route?key=k', '/kv/k', '/livez', '/readyz'])
const CLOSED = [
  '/hash_ring',
  '/route_test?key=k',
  '/cache?key=k',
  '/fetch_keys',
  '/migrate/0/9999',
  '/clear_cache',
  '/bulk_update_keys',
  '/internal/ops',
  '/internal/pull',
  '/internal/new',
  '/none',
  '/metrics',
  '/ring/changes',
  '/ring/plan',
  '/ring/abort',
  '/update_ring',
  '/add_node/5/127.0.0.1:5',
  '/remove_node/127.0.0.1:5',
  '/remove_node/127.0.0.1:5?force=true',
  '/internal/tidy',
  '/internal/vote',
  '/internal/progress',
  '//',
  '/kv',
  '/routes',
  '/route/',
  '/ROUTE?key=k',
  '/livez/',
  '/%6b',
  '*'
]

t.test('without the token', async t => {
  const nodes = await startNodes(t, 3, { token: 'secret' })
  const [node] = nodes
  const before = (await node.ask('/hash_ring', { headers: { authorization: 'Bearer secret' } })).text
  for (const path of CLOSED) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
      if (path === '*' && method !== 'OPTIONS') continue
      const answer = await node.ask(path === '*' ? '/*' : path, {
        method,
        ...(method === 'POST' && { body: { data: '{}', key: 'k', val: 'v', dic: '{"k":"v"}' } })
      })
      t.equal(answer.status, 401, `${method} ${path}`)
      t.equal(answer.headers['www-authenticate'], 'Bearer')
      if (method !== 'HEAD') {
        t.match(answer.json(), { statusCode: 401, code: 'KV_ERR_UNAUTHORIZED', error: 'Unauthorized' })
      }
    }
  }
  for (const authorization of [
    '',
    'secret',
    'Bearer',
    'Bearer ',
    'Bearer secre',
    'Bearer secretx',
    'bearer secret',
    'Basic secret',
    'Bearer secret ',
    'Bearer  secret',
    'ü',
    'x'.repeat(10_000)
  ]) {
    const { status } = await node.ask('/fetch_keys', { headers: { authorization } })
    // The server strips spaces around a header's value.
    t.equal(status, authorization.trim() === 'Bearer secret' ? 200 : 401, authorization.slice(0, 20))
  }
  t.equal((await node.ask('/hash_ring', { headers: { authorization: 'Bearer secret' } })).text, before)
  t.same((await node.ask('/fetch_keys', { headers: { authorization: 'Bearer secret' } })).json(), [])
})

t.test('clients need none', async t => {
  const [a, b, c] = await startNodes(t, 3, { token: 'secret' })
  t.equal((await a.ask('/route', { method: 'POST', body: { key: 'k', val: 'v' } })).status, 200)
  t.equal((await b.ask('/kv/k', { method: 'PUT', body: 'w' })).status, 204)
  for (const path of OPEN) {
    for (const method of ['GET', 'HEAD']) {
      t.equal((await c.ask(path, { method })).status, 200, `${method} ${path}`)
    }
  }
  t.equal((await a.ask('/route?key=k', { method: 'DELETE' })).status, 200)
  t.equal((await b.ask('/kv/k', { method: 'DELETE' })).status, 204)
})

t.test('with the token all is as without any', async t => {
  const [node] = await startNodes(t, 3, { token: 'secret' })
  const headers = { authorization: 'Bearer secret' }
  t.equal((await node.ask('/hash_ring', { headers })).json().epoch, 1)
  t.equal(
    (await node.ask('/bulk_update_keys', { method: 'POST', headers, body: { dic: '{"k":"v"}' } })).status,
    200
  )
  t.match(await node.ask('/none', { headers }), { status: 404 })
})

t.test('the ring changes among nodes with the token, and not with one that has another', async t => {
  const nodes = await startNodes(t, 4, {
    members: 2,
    replicas: 1,
    token: ['secret', 'secret', 'secret', 'other']
  })
  const [a, b, c, d] = nodes as unknown as [...Three, TestNode]
  const headers = { authorization: 'Bearer secret' }
  for (let i = 0; i < 20; i++) await a.ask(`/kv/k${i}`, { method: 'PUT', body: 'v' })
  t.match(await b.ask(`/add_node/2500/${c.address}`, { headers }), { status: 200, text: 'OK' })
  t.match(await c.ask(`/remove_node/${a.address}`, { method: 'POST', headers }), { status: 200, text: 'OK' })
  const before = (await b.ask('/hash_ring', { headers })).text
  const refused = await b.ask(`/add_node/1/${d.address}`, { headers })
  t.match({ status: refused.status, ...refused.json() }, { status: 503, code: 'KV_ERR_NODE_NOT_READY' })
  t.equal((await b.ask('/hash_ring', { headers })).text, before)
  for (let i = 0; i < 20; i++) t.match(await c.ask(`/kv/k${i}`), { status: 200, text: 'v' })
})

t.test('a node that forgot recovers from nodes with the token', async t => {
  const nodes = await startNodes(t, 3, { token: 'secret' })
  const [a, b] = nodes
  await a.ask('/kv/k?w=3', { method: 'PUT', body: 'v' })
  await b.stop()
  await b.start({ empty: true })
  await nodes.readyAll()
  t.match(await b.ask('/cache?key=k', { headers: { authorization: 'Bearer secret' } }), {
    status: 200,
    text: 'v'
  })
})

t.test('a node with another token is refused', async t => {
  const [a, b, c] = await startNodes(t, 3, { members: 2, token: ['secret', 'secret', 'other'] })
  for (let i = 0; i < 20; i++) {
    t.equal((await a.ask(`/kv/k${i}`, { method: 'PUT', body: 'v' })).status, 204)
    t.match(await b.ask(`/kv/k${i}`), { status: 200, text: 'v' })
    const { status, ...answer } = await c.ask(`/kv/k${i}`)
    t.equal(status, 503)
    t.match(answer.json(), { code: 'KV_ERR_QUORUM' })
  }
  t.same((await c.ask('/fetch_keys', { headers: { authorization: 'Bearer other' } })).json(), [])
  t.equal((await c.ask('/livez')).status, 200)
})
