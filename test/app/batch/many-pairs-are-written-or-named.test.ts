// `/bulk_update_keys`: all pairs are written, each by its own quorum; or nothing is because the request is
// malformed; or the answer names those that were not.

import t from 'tap'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { percent, startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const bulk = (node: TestNode, dic: unknown) =>
  node.ask('/bulk_update_keys', {
    method: 'POST',
    body: { dic: typeof dic === 'string' ? dic : JSON.stringify(dic) }
  })

t.test('every pair is written', async t => {
  const [a, b] = await startNodes(t, 3, { replicas: 1 })
  const pairs = Object.fromEntries(
    Array.from({ length: 500 }, (_, i) => [`key ${i} ü&=%+`, `value ${i} €\n`])
  )
  t.match(await bulk(a, pairs), {
    status: 200,
    text: 'OK',
    headers: { 'content-type': 'text/plain; charset=utf-8' }
  })
  for (const [key, value] of Object.entries(pairs)) {
    if ((await b.ask(`/route?key=${percent(key)}`)).text !== value) t.fail(key)
  }
  t.match(await bulk(a, {}), { status: 200, text: 'OK' })
  t.match(await bulk(a, '{"__proto__":"x","constructor":"y"}'), { status: 200 })
  t.match(await b.ask('/route?key=__proto__'), { text: 'x' })
})

t.test('a JSON body carries them too', async t => {
  const [a, b] = await startNodes(t, 3)
  const body = JSON.stringify({ dic: JSON.stringify({ k: 'v' }) })
  t.match(
    await a.ask('/bulk_update_keys', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body
    }),
    { status: 200, text: 'OK' }
  )
  t.match(await b.ask('/route?key=k'), { text: 'v' })
})

t.test('one malformed pair and nothing is written', async t => {
  const [node] = await startNodes(t, 1)
  const bad: Array<[unknown, number, string]> = [
    [{ good: 'v', '': 'v' }, 400, 'KV_ERR_KEY_LENGTH'],
    [{ good: 'v', ['x'.repeat(1025)]: 'v' }, 400, 'KV_ERR_KEY_LENGTH'],
    [{ good: 'v', bad: 7 }, 400, 'KV_ERR_VALUE_MISSING'],
    [{ good: 'v', bad: null }, 400, 'KV_ERR_VALUE_MISSING'],
    [{ good: 'v', bad: { a: 1 } }, 400, 'KV_ERR_VALUE_MISSING'],
    [{ good: 'v', bad: 'x'.repeat(1_000_001) }, 413, 'KV_ERR_VALUE_TOO_LARGE'],
    ['{"good":"v","\\ud800":"v"}', 400, 'KV_ERR_KEY_ENCODING'],
    ['{"good":"v","bad":"\\ud800"}', 400, 'KV_ERR_MALFORMED'],
    ['{"good":"v"', 400, 'KV_ERR_MALFORMED'],
    ['', 400, 'KV_ERR_MALFORMED'],
    ['[]', 400, 'KV_ERR_MALFORMED'],
    ['null', 400, 'KV_ERR_MALFORMED'],
    ['"x"', 400, 'KV_ERR_MALFORMED'],
    ['7', 400, 'KV_ERR_MALFORMED']
  ]
  for (const [dic, status, code] of bad) {
    const answer = await bulk(node, dic)
    t.match({ status: answer.status, ...answer.json() }, { status, code }, JSON.stringify(dic).slice(0, 60))
  }
  for (const body of [
    '',
    'dic',
    'other={}',
    'dic={"good":"v"}&dic={"good":"v"}',
    'dic={"good":"v"&dic="b":"w"}',
    'dic={"good":"%ff"}',
    'dic={"%ff":"v"}'
  ]) {
    const answer = await node.ask('/bulk_update_keys', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body
    })
    t.match({ status: answer.status, ...answer.json() }, { status: 400, code: 'KV_ERR_MALFORMED' }, body)
  }
  for (const body of ['{"dic":{"good":"v"}}', '{"dic":["{}"]}', '{"dic":null}', '[]', '{}']) {
    const answer = await node.ask('/bulk_update_keys', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body
    })
    t.match({ status: answer.status, ...answer.json() }, { status: 400, code: 'KV_ERR_MALFORMED' }, body)
  }
  t.same((await node.ask('/fetch_keys')).json(), [])
})

t.test('with some nodes dead the answer lists the keys', async t => {
  const [a, b, c] = await startNodes(t, 3, { replicas: 1 })
  await c.stop()
  const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`)
  const dead = keys.filter(key => slotOf(key) > 6665)
  const answer = await bulk(a, Object.fromEntries(keys.map(key => [key, 'v'])))
  t.match(
    { status: answer.status, ...answer.json() },
    { status: 503, statusCode: 503, code: 'KV_ERR_BULK', message: new RegExp(`^${dead.length} of 100 `) }
  )
  t.same(answer.json().keys.sort(), dead.sort())
  t.equal(answer.headers['retry-after'], '1')
  for (const key of keys) {
    if (!dead.includes(key) && (await b.ask(`/route?key=${key}`)).text !== 'v') t.fail(key)
  }
})

t.test('bodies to 32 MB, and no further', async t => {
  const [node] = await startNodes(t, 1)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const pairs = Object.fromEntries(Array.from({ length: 31 }, (_, i) => [`k${i}`, 'v'.repeat(1_000_000)]))
  t.match(
    await node.ask('/bulk_update_keys', { method: 'POST', headers, body: `dic=${JSON.stringify(pairs)}` }),
    { status: 200 }
  )
  t.equal((await node.ask('/route?key=k30')).body.length, 1_000_000)
  const answer = await node.ask('/bulk_update_keys', {
    method: 'POST',
    headers,
    body: Buffer.alloc(32 * 1024 * 1024 + 1, 'x')
  })
  t.match({ status: answer.status, ...answer.json() }, { status: 413, code: 'KV_ERR_BODY_TOO_LARGE' })
})
