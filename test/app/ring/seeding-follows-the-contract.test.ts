// `POST /hash_ring` seeds the ring of one node, and `GET` shows it.

import t, { type Test } from 'tap'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const A = '127.0.0.1:5001'
const B = 'some-host.example:5002'

const at = (...tokens: Array<[ip: string, key: number]>) => tokens.map(([ip, key]) => ({ ip, key }))

async function setup(t: Test) {
  let nowMs = 1_700_000_000_000
  const [node] = (await startNodes(t, 1, { seeded: false, replicas: 2, wallMs: () => nowMs })) as unknown as [
    TestNode
  ]
  const seed = (data: unknown) =>
    node.ask('/hash_ring', {
      method: 'POST',
      body: { data: typeof data === 'string' ? data : JSON.stringify(data) }
    })
  const ring = async () => (await node.ask('/hash_ring')).json()
  return {
    node,
    seed,
    ring,
    tick: (ms: number) => {
      nowMs += ms
    }
  }
}

t.test('without a ring there is none to show', async t => {
  const { node } = await setup(t)
  t.match(await node.ask('/hash_ring'), { status: 503, headers: { 'retry-after': '1' } })
  t.match((await node.ask('/hash_ring')).json(), { code: 'KV_ERR_NO_RING' })
  t.match((await node.ask('/route_test?key=k')).json(), { code: 'KV_ERR_NO_RING' })
  t.match((await node.ask('/route?key=k')).json(), { code: 'KV_ERR_NO_RING' })
})

t.test('a seed makes a ring of epoch 1', async t => {
  const { node, seed } = await setup(t)
  const answer = await seed({ nodes: at([A, 8000], [B, 3000], [A, 0], [B, 9999]) })
  t.match(answer, { status: 200, text: 'OK', headers: { 'content-type': 'text/plain; charset=utf-8' } })
  const shown = await node.ask('/hash_ring')
  t.match(shown, { status: 200, headers: { etag: '"1"', 'content-type': 'application/json; charset=utf-8' } })
  t.same(shown.json(), {
    ring: { 0: A, 3000: B, 8000: A, 9999: B },
    _sorted_keys: [0, 3000, 8000, 9999],
    generation: 1_700_000_000_000,
    epoch: 1,
    replicas: 2,
    digest: shown.json().digest
  })
  t.match(shown.json().digest, /^[0-9a-f]{16}$/)
})

t.test('JSON bodies carry the seed too', async t => {
  const { node, ring } = await setup(t)
  const body = JSON.stringify({ data: JSON.stringify({ nodes: at([A, 1]), replicas: 5, generation: 12 }) })
  t.match(
    await node.ask('/hash_ring', { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
    { status: 200 }
  )
  t.match(await ring(), { ring: { 1: A }, _sorted_keys: [1], generation: 12, epoch: 1, replicas: 5 })
})

t.test('without a generation the same tokens change nothing, others get a newer one', async t => {
  const { seed, ring, tick } = await setup(t)
  await seed({ nodes: at([A, 1], [B, 2]) })
  tick(50)
  t.match(await seed({ nodes: at([B, 2], [A, 1]), replicas: 2 }), { status: 200, text: 'OK' })
  t.match(await ring(), { generation: 1_700_000_000_000 })
  await seed({ nodes: at([A, 1], [B, 3]) })
  t.match(await ring(), { generation: 1_700_000_000_050, _sorted_keys: [1, 3] })
  await seed({ nodes: at([A, 1], [B, 3]), replicas: 3 })
  t.match(await ring(), { generation: 1_700_000_000_051, replicas: 3 })
})

t.test('with a generation a newer one replaces everything, an older one is a conflict', async t => {
  const { seed, ring } = await setup(t)
  t.match(await seed({ nodes: at([A, 1]), generation: 100 }), { status: 200 })
  t.match(await seed({ nodes: at([B, 2]), generation: 99 }), { status: 409 })
  t.match((await seed({ nodes: at([A, 1]), generation: 99 })).json(), { code: 'KV_ERR_RING_CONFLICT' })
  t.match((await seed({ nodes: at([B, 2]), generation: 100 })).json(), { code: 'KV_ERR_RING_CONFLICT' })
  t.match((await seed({ nodes: at([A, 1]), replicas: 1, generation: 100 })).json(), {
    code: 'KV_ERR_RING_CONFLICT'
  })
  t.match(await ring(), { generation: 100, _sorted_keys: [1], replicas: 2 })
  t.match(await seed({ nodes: at([A, 1]), generation: 100 }), { status: 200, text: 'OK' })
  t.match(await seed({ nodes: at([A, 1]), generation: 101 }), { status: 200 })
  t.match(await ring(), { generation: 101, epoch: 1 })
})

t.test('the highest generation has no successor that could not be read back', async t => {
  const { seed, ring } = await setup(t)
  await seed({ nodes: at([A, 1]), generation: 2 ** 48 - 1 })
  const { status } = await seed({ nodes: at([A, 2]) })
  t.ok(status === 200 || status === 409, String(status))
  t.ok((await ring()).generation < 2 ** 48, 'what is in force fits in a frame and in the ring file')
})

t.test('a ring that is not valid is refused and changes nothing', async t => {
  const { node, seed, ring } = await setup(t)
  await seed({ nodes: at([A, 1], [B, 2]) })
  const before = await ring()
  const nodes = at([A, 1])
  const bad = [
    '',
    '{',
    '[]',
    'null',
    '7',
    '"x"',
    {},
    { nodes: null },
    { nodes: {} },
    { nodes: [] },
    { nodes: [null] },
    { nodes: ['x'] },
    { nodes: [{}] },
    { nodes: at([A, 1], [B, 1]) },
    { nodes: at([A, 1], [A, 1]) },
    { nodes: at([A, -1]) },
    { nodes: at([A, 10_000]) },
    { nodes: at([A, 1.5]) },
    { nodes: [{ ip: A, key: '3000' }] },
    { nodes: [{ ip: A, key: null }] },
    { nodes: [{ ip: A }] },
    { nodes: [{ key: 1 }] },
    ...[
      '',
      'x',
      ':5000',
      '127.0.0.1',
      '127.0.0.1:',
      '127.0.0.1:0',
      '127.0.0.1:65536',
      '127.0.0.1:05',
      'a b:5',
      'a/b:5',
      'ä:5',
      'a:5\n',
      'user@host:5',
      7,
      null,
      `${'x'.repeat(254)}:5`
    ].map(ip => ({ nodes: [{ ip, key: 1 }] })),
    ...[0, -1, 17, 1.5, '3', null, true].map(replicas => ({ nodes, replicas })),
    ...[0, -1, 1.5, '3', null, 2 ** 48].map(generation => ({ nodes, generation }))
  ]
  for (const data of bad) {
    const answer = await seed(data)
    t.match(
      { status: answer.status, ...answer.json() },
      { status: 400, code: 'KV_ERR_RING_INVALID' },
      JSON.stringify(data)
    )
  }
  t.match((await node.ask('/hash_ring', { method: 'POST', body: { other: 'x' } })).json(), {
    code: 'KV_ERR_RING_INVALID'
  })
  t.match((await node.ask('/hash_ring', { method: 'POST' })).status, 400)
  t.same(await ring(), before)
})

t.test('a ring of ten thousand tokens with long names is taken', async t => {
  const { seed, ring } = await setup(t)
  const nodes = Array.from({ length: 10_000 }, (_, key) => ({ ip: `${'n'.repeat(190)}${key}:5000`, key }))
  t.equal((await seed({ nodes })).status, 200)
  t.equal((await ring())._sorted_keys.length, 10_000)
})

t.test('a seed that is too large is refused', async t => {
  const { seed } = await setup(t)
  const answer = await seed('x'.repeat(4 * 1024 * 1024))
  t.match({ status: answer.status, ...answer.json() }, { status: 413, code: 'KV_ERR_BODY_TOO_LARGE' })
})

t.test('the owner of a key is told by the present tokens', async t => {
  const { node, seed } = await setup(t)
  await seed({ nodes: at([A, 3000], [B, 8000]) })
  // Slots 2184, 4019, 9381.
  for (const [key, owner] of [
    ['roof', A],
    ['bed', B],
    ['ship', A]
  ]) {
    const answer = await node.ask(`/route_test?key=${key}`)
    t.match(answer, { status: 200, text: owner, headers: { 'content-type': 'text/plain; charset=utf-8' } })
  }
})
