// A request for one pair needs two fields. What has thousands of them, or lists within lists, is refused,
// whatever it costs to send; what is large for a good reason is taken.

import t from 'tap'
import { BATCH_OPS, BODY_BYTES, VALUE_BYTES } from '../../../src/limits.ts'
import { percent, startNodes } from '../../support/cluster/nodes.ts'

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

t.test('what is no pair', async t => {
  const [node] = await startNodes(t, 1)
  const bodies: Array<[path: string, type: string, body: string, code: string]> = [
    '/route',
    '/cache'
  ].flatMap(path => [
    [path, FORM, `key=k&val=v${'&a'.repeat(1_000_000)}`, 'KV_ERR_MALFORMED'],
    [path, FORM, `key=k&val=v${'&key'.repeat(500_000)}`, 'KV_ERR_MALFORMED'],
    [path, FORM, `key=k&val=v${'&'.repeat(1_000_000)}`, 'KV_ERR_MALFORMED'],
    [path, JSON_TYPE, `{"key":"k","val":"v","x":[${Array(500_000).fill('[]').join()}]}`, 'KV_ERR_MALFORMED'],
    [path, JSON_TYPE, `{"key":"k","val":"v"${',"x":1'.repeat(500_000)}}`, 'KV_ERR_MALFORMED'],
    [path, JSON_TYPE, '['.repeat(3_000_000), 'KV_ERR_MALFORMED'],
    [path, JSON_TYPE, `{"key":"k","val":${'{"a":'.repeat(500_000)}`, 'KV_ERR_VALUE_MISSING']
  ])
  bodies.push(
    ['/kv/batch', JSON_TYPE, `{"x":[${Array(2_000_000).fill('[]').join()}]}`, 'KV_ERR_MALFORMED'],
    ['/kv/batch', JSON_TYPE, `{"operations":[${Array(2_000_000).fill('[]').join()}]}`, 'KV_ERR_MALFORMED'],
    ['/kv/batch', JSON_TYPE, '['.repeat(8_000_000), 'KV_ERR_MALFORMED'],
    ['/bulk_update_keys', FORM, `dic=${'['.repeat(8_000_000)}`, 'KV_ERR_MALFORMED'],
    ['/none', JSON_TYPE, '['.repeat(BODY_BYTES), 'KV_ERR_NO_ROUTE'],
    ['/none', JSON_TYPE, '['.repeat(BODY_BYTES + 1), 'KV_ERR_BODY_TOO_LARGE']
  )
  for (const [path, type, body, code] of bodies) {
    const answer = await node.ask(path, { method: 'POST', headers: { 'content-type': type }, body })
    t.equal(answer.json().code, code, `${path} ${body.slice(0, 40)}`)
  }
  t.same((await node.ask('/fetch_keys')).json(), [])
})

t.test('what is large for a good reason', async t => {
  const [node] = await startNodes(t, 1)
  const post = (path: string, type: string, body: string) =>
    node.ask(path, { method: 'POST', headers: { 'content-type': type }, body })
  const bytes = Buffer.alloc(VALUE_BYTES, 0xff)
  t.match(await post('/route', FORM, `key=bytes&val=${percent(bytes)}`), { status: 200, text: 'OK' })
  t.ok((await node.ask('/kv/bytes')).body.equals(bytes))
  const text = '\u0001'.repeat(VALUE_BYTES)
  t.match(await post('/route', FORM, `key=form&val=${percent(text)}`), { status: 200 })
  t.match(
    await post(
      '/kv/batch',
      JSON_TYPE,
      JSON.stringify({ operations: [{ op: 'put', key: 'batch', value: text }] })
    ),
    { status: 200 }
  )
  t.match(
    await post('/route', JSON_TYPE, JSON.stringify({ key: 'json', val: '€'.repeat(VALUE_BYTES / 4) })),
    { status: 200 }
  )
  for (const [key, value] of [
    ['form', text],
    ['batch', text],
    ['json', '€'.repeat(VALUE_BYTES / 4)]
  ] as const) {
    t.ok((await node.ask(`/route?key=${key}`)).text === value, key)
  }
  const operations = Array.from({ length: BATCH_OPS }, (_, i) => ({
    op: 'put',
    key: `key-${i}`,
    value: 'v'.repeat(7_000)
  }))
  const { results } = (await post('/kv/batch', JSON_TYPE, JSON.stringify({ operations }))).json()
  t.equal(results.filter(({ status }: { status: number }) => status === 204).length, BATCH_OPS)
})
