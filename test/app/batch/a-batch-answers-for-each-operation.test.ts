// `POST /kv/batch`: many gets, puts and deletes in one request, each answered as `/kv/<key>` would; those of
// one key in their order. Or nothing is done, because the request is malformed.

import t from 'tap'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { BATCH_ANSWER_BYTES, BATCH_BYTES, BATCH_OPS } from '../../../src/limits.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const batch = (node: TestNode, body: unknown) =>
  node.ask('/kv/batch', {
    method: 'POST',
    headers: JSON_TYPE,
    body: typeof body === 'string' ? body : JSON.stringify(body)
  })

async function resultsOf(node: TestNode, operations: unknown[]): Promise<Array<Record<string, unknown>>> {
  const answer = await batch(node, { operations })
  if (answer.status !== 200) throw new Error(answer.text)
  return answer.json().results
}

t.test('every kind of operation, read back through another node', async t => {
  const [a, b] = await startNodes(t, 3)
  const bytes = Buffer.from([0, 255, 128, 13, 10])
  t.match(
    await resultsOf(a, [
      { op: 'put', key: 'text ü€', value: 'value ü€\n' },
      { op: 'put', key: 'bytes', base64: bytes.toString('base64'), contentType: 'image/jpeg', ttl: 3600 },
      { op: 'put', key: 'empty', value: '' },
      { op: 'get', key: 'none' },
      { op: 'delete', key: 'none' }
    ]),
    [
      { status: 204, etag: /^".+"$/ },
      { status: 204 },
      { status: 204 },
      { status: 404, code: 'KV_ERR_NOT_FOUND' },
      { status: 204 }
    ]
  )
  const single = await b.ask('/kv/bytes')
  t.match(single, { status: 200, headers: { 'content-type': 'image/jpeg' } })
  t.same(single.body, bytes)
  t.same(
    await resultsOf(b, [
      { op: 'get', key: 'text ü€' },
      { op: 'get', key: 'bytes' },
      { op: 'get', key: 'empty' }
    ]).then(results => results.map(({ etag, ...rest }) => rest)),
    [
      { status: 200, value: 'value ü€\n' },
      { status: 200, contentType: 'image/jpeg', base64: bytes.toString('base64') },
      { status: 200, value: '' }
    ]
  )
  const [put] = await resultsOf(a, [{ op: 'put', key: 'text ü€', value: 'w' }])
  t.equal((await b.ask(`/kv/${encodeURIComponent('text ü€')}`)).headers.etag, put?.etag)
})

t.test('operations on one key are carried out in their order', async t => {
  const [a] = await startNodes(t, 3)
  const steps = Array.from({ length: 100 }, (_, i) => [
    { op: 'put', key: 'k', value: String(i) },
    { op: 'get', key: 'k' },
    { op: 'put', key: `other-${i}`, value: 'v' }
  ]).flat()
  const results = await resultsOf(a, [...steps, { op: 'delete', key: 'k' }, { op: 'get', key: 'k' }])
  for (let i = 0; i < 100; i++) t.equal(results[3 * i + 1]?.value, String(i))
  t.match(results.slice(-2), [{ status: 204 }, { status: 404 }])
})

t.test('an expiry counts', async t => {
  const [a] = await startNodes(t, 1)
  await resultsOf(a, [{ op: 'put', key: 'k', value: 'v', ttl: 1 }])
  const deadline = performance.now() + 10_000
  while ((await resultsOf(a, [{ op: 'get', key: 'k' }]))[0]?.status !== 404) {
    if (performance.now() > deadline) throw new Error('it is still there')
  }
})

t.test('one malformed operation and nothing is done', async t => {
  const [node] = await startNodes(t, 1)
  const good = { op: 'put', key: 'good', value: 'v' }
  const bad: Array<[unknown, number, string]> = [
    [7, 400, 'KV_ERR_MALFORMED'],
    [null, 400, 'KV_ERR_MALFORMED'],
    [[], 400, 'KV_ERR_MALFORMED'],
    [{}, 400, 'KV_ERR_MALFORMED'],
    [{ op: 'GET', key: 'k' }, 400, 'KV_ERR_MALFORMED'],
    [{ op: 'toString', key: 'k' }, 400, 'KV_ERR_MALFORMED'],
    [{ op: 'get' }, 400, 'KV_ERR_KEY_MISSING'],
    [{ op: 'get', key: 7 }, 400, 'KV_ERR_KEY_MISSING'],
    [{ op: 'get', key: '' }, 400, 'KV_ERR_KEY_LENGTH'],
    [{ op: 'delete', key: 'x'.repeat(1025) }, 400, 'KV_ERR_KEY_LENGTH'],
    [{ op: 'get', key: '\ud800' }, 400, 'KV_ERR_KEY_ENCODING'],
    [{ op: 'get', key: 'k', value: 'v' }, 400, 'KV_ERR_MALFORMED'],
    [{ op: 'put', key: 'k', value: 'v', tll: 5 }, 400, 'KV_ERR_MALFORMED'],
    [{ op: 'put', key: 'k' }, 400, 'KV_ERR_VALUE_MISSING'],
    [{ op: 'put', key: 'k', value: 7 }, 400, 'KV_ERR_VALUE_MISSING'],
    [{ op: 'put', key: 'k', value: 'v', base64: '' }, 400, 'KV_ERR_VALUE_MISSING'],
    [{ op: 'put', key: 'k', base64: 7 }, 400, 'KV_ERR_VALUE_MISSING'],
    [{ op: 'put', key: 'k', base64: 'YQ' }, 400, 'KV_ERR_MALFORMED'],
    [{ op: 'put', key: 'k', base64: '!' }, 400, 'KV_ERR_MALFORMED'],
    [{ op: 'put', key: 'k', value: '\ud800' }, 400, 'KV_ERR_MALFORMED'],
    [{ op: 'put', key: 'k', value: 'x'.repeat(1_000_001) }, 413, 'KV_ERR_VALUE_TOO_LARGE'],
    [
      { op: 'put', key: 'k', base64: Buffer.alloc(1_000_001).toString('base64') },
      413,
      'KV_ERR_VALUE_TOO_LARGE'
    ],
    ...[0, -1, 1.5, '5', null, 31_536_001].map((ttl): [unknown, number, string] => [
      { op: 'put', key: 'k', value: 'v', ttl },
      400,
      'KV_ERR_TTL'
    ]),
    ...[7, null, 'x'.repeat(257), 'a\nb', 'a\0b', '\u0100'].map((contentType): [unknown, number, string] => [
      { op: 'put', key: 'k', value: 'v', contentType },
      400,
      'KV_ERR_CONTENT_TYPE'
    ])
  ]
  for (const [operation, status, code] of bad) {
    const answer = await batch(node, { operations: [good, operation] })
    t.match(
      { status: answer.status, ...answer.json() },
      { status, code, message: /operation 1: / },
      JSON.stringify(operation).slice(0, 60)
    )
  }
  for (const body of [
    '',
    '{',
    '[]',
    'null',
    '{}',
    '{"operations":{}}',
    '{"operations":"x"}',
    { operations: Array(BATCH_OPS + 1).fill(good) }
  ]) {
    const answer = await batch(node, body)
    t.match(
      { status: answer.status, ...answer.json() },
      { status: 400, code: 'KV_ERR_MALFORMED' },
      JSON.stringify(body).slice(0, 40)
    )
  }
  t.match((await batch(node, `{"operations":[${' '.repeat(BATCH_BYTES)}]}`)).json(), {
    statusCode: 413,
    code: 'KV_ERR_BODY_TOO_LARGE'
  })
  t.same((await node.ask('/fetch_keys')).json(), [])
  t.same(await resultsOf(node, []), [])
  t.equal((await resultsOf(node, Array(BATCH_OPS).fill(good))).length, BATCH_OPS)
})

t.test('with a node dead each operation has its own answer', async t => {
  const [a, , c] = await startNodes(t, 3, { replicas: 1 })
  await c.stop()
  const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`)
  const results = await resultsOf(
    a,
    keys.flatMap(key => [
      { op: 'put', key, value: 'v' },
      { op: 'get', key }
    ])
  )
  keys.forEach((key, i) => {
    const dead = slotOf(key) > 6665
    t.match(
      results.slice(2 * i, 2 * i + 2),
      dead
        ? [
            { status: 503, code: 'KV_ERR_QUORUM' },
            { status: 503, code: 'KV_ERR_QUORUM' }
          ]
        : [{ status: 204 }, { status: 200, value: 'v' }],
      key
    )
  })
})

t.test('what would be too much in one answer is told for each', async t => {
  const [node] = await startNodes(t, 1)
  const value = 'v'.repeat(1_000_000)
  const fits = Math.floor(BATCH_ANSWER_BYTES / value.length)
  await resultsOf(node, [{ op: 'put', key: 'k', value }])
  const results = await resultsOf(node, Array(fits + 3).fill({ op: 'get', key: 'k' }))
  t.equal(results.filter(({ status }) => status === 200).length, fits)
  t.match(results.slice(fits), Array(3).fill({ status: 503, code: 'KV_ERR_OVERLOADED' }))
})

t.test('what counts is what is sent: text with its escapes, and bytes in base64', async t => {
  const [node] = await startNodes(t, 1)
  const text = '\u0001'.repeat(1_000_000)
  const wide = '\u20ac"'.repeat(250_000)
  await resultsOf(node, [{ op: 'put', key: 'wide', value: wide }])
  await node.ask('/kv/escaped', { method: 'PUT', body: text })
  const results = await resultsOf(
    node,
    ['escaped', 'wide', 'escaped', 'wide'].map(key => ({ op: 'get', key }))
  )
  t.equal(results[0]?.value, text)
  t.equal(results[1]?.value, wide)
  t.match(results.slice(2), Array(2).fill({ status: 503, code: 'KV_ERR_OVERLOADED', message: /too large/ }))
})
