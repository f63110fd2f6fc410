// The course project's requests, one by one, as its clients send them.

import t, { type Test } from 'tap'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const TEXT = { 'content-type': 'text/plain; charset=utf-8' }

async function setup(t: Test, count = 3) {
  return (await startNodes(t, count)) as unknown as [TestNode, TestNode, TestNode]
}

t.test('/route stores, reads and deletes', async t => {
  const [a, b, c] = await setup(t)
  t.match(await a.ask('/route?key=k'), { status: 404, text: 'N/A', headers: TEXT })
  t.match(await a.ask('/route', { method: 'POST', body: { key: 'k', val: 'one' } }), {
    status: 200,
    text: 'OK',
    headers: TEXT
  })
  t.match(await b.ask('/route?key=k'), { status: 200, text: 'one', headers: TEXT })
  t.match(
    await b.ask('/route', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"key":"k","val":"two"}'
    }),
    { status: 200, text: 'OK' }
  )
  t.match(await c.ask('/route?key=k'), { status: 200, text: 'two' })
  t.match(await c.ask('/route?key=k', { method: 'DELETE' }), { status: 200, text: 'OK', headers: TEXT })
  t.match(await a.ask('/route?key=k'), { status: 404, text: 'N/A' })
  t.match(
    await a.ask('/route?key=k', { method: 'DELETE' }),
    { status: 200, text: 'OK' },
    'whether or not it was there'
  )
})

t.test('answers tell how they were served', async t => {
  const nodes = await setup(t)
  for (const [key, owner] of [
    ['roof', 0],
    ['bed', 1],
    ['ship', 2]
  ] as const) {
    const { headers } = await nodes[0].ask('/route', { method: 'POST', body: { key, val: 'v' } })
    t.match(headers, {
      'x-ring-epoch': '1',
      'x-owner': nodes[owner].address,
      'server-timing': /^total;dur=[0-9.]+$/
    })
    t.match((await nodes[1].ask(`/route?key=${key}`)).headers, { 'x-owner': nodes[owner].address })
    t.match((await nodes[1].ask(`/kv/${key}`)).headers, {
      'x-ring-epoch': '1',
      'x-owner': nodes[owner].address,
      'server-timing': /dur/
    })
    t.match(await nodes[2].ask(`/route_test?key=${key}`), { status: 200, text: nodes[owner].address })
  }
})

t.test('/cache is this node alone', async t => {
  const [a, b] = await setup(t)
  t.match(await a.ask('/cache?key=k'), { status: 404, text: 'N/A' })
  t.match(await a.ask('/cache', { method: 'POST', body: { key: 'k', val: 'mine' } }), {
    status: 200,
    text: 'OK',
    headers: TEXT
  })
  t.match(await a.ask('/cache?key=k'), { status: 200, text: 'mine' })
  t.match(await b.ask('/cache?key=k'), { status: 404 })
  t.match(
    await a.ask('/cache', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"key":"k","val":"again"}'
    }),
    { status: 200 }
  )
  t.match(await a.ask('/cache?key=k'), { text: 'again' })
})

t.test('/cache overwrites what a node with a clock ahead wrote', async t => {
  let aheadMs = 60_000
  const [node] = (await startNodes(t, 1, { wallMs: () => Date.now() + aheadMs })) as unknown as [TestNode]
  await node.ask('/cache', { method: 'POST', body: { key: 'k', val: 'from the future' } })
  aheadMs = 0
  await node.stop()
  await node.start()
  t.match(await node.ask('/cache', { method: 'POST', body: { key: 'k', val: 'now' } }), { status: 200 })
  t.match(await node.ask('/cache?key=k'), { text: 'now' })
})

t.test('/cache needs no ring', async t => {
  const [node] = (await startNodes(t, 1, { seeded: false })) as unknown as [TestNode]
  t.match(await node.ask('/cache', { method: 'POST', body: { key: 'k', val: 'v' } }), { status: 200 })
  t.match(await node.ask('/cache?key=k'), { text: 'v' })
})

t.test('/ is one line that names the node', async t => {
  const [node] = await setup(t)
  const { status, text, headers } = await node.ask('/')
  t.match({ status, headers }, { status: 200, headers: TEXT })
  t.match(text, /^[^\n]*running\n$/)
  t.ok(text.includes(node.address))
})

t.test('HEAD answers as GET does, without a body', async t => {
  const [node] = await setup(t)
  await node.ask('/kv/k', { method: 'PUT', body: 'value' })
  for (const path of [
    '/',
    '/route?key=k',
    '/route?key=none',
    '/kv/k',
    '/kv/none',
    '/cache?key=none',
    '/hash_ring',
    '/fetch_keys',
    '/migrate/0/9999',
    '/livez',
    '/readyz',
    '/none'
  ]) {
    const get = await node.ask(path)
    const head = await node.ask(path, { method: 'HEAD' })
    t.match(
      head,
      { status: get.status, text: '', headers: { 'content-type': get.headers['content-type'] } },
      path
    )
  }
})
