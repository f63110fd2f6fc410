// What a client can send wrong, line by line: the status, the code, and that nothing came of it. Every error
// is JSON of one shape.

import { STATUS_CODES } from 'node:http'
import t from 'tap'
import { CATALOGUE, type ErrorCode } from '../../../src/errors.ts'
import { startNodes } from '../../support/cluster/nodes.ts'

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'
const LONG = 'x'.repeat(1025)
const NODE = '127.0.0.1:5'
/** What is no `host:port`, percent-encoded. */
const NO_NODES = [
  '127.0.0.1',
  '127.0.0.1:',
  ':5',
  '127.0.0.1:0',
  '127.0.0.1:65536',
  '127.0.0.1:05',
  '127.0.0.1:5x',
  '127.0.0.1:5%20',
  '%00:5',
  '%c3%bc:5',
  'a%2fb:5',
  'http:%2f%2fa:5',
  '::1:5',
  '[x]:5',
  '-:5',
  `${'x'.repeat(254)}:5`,
  `${'x'.repeat(5000)}:5`
]
const NO_TOKENS = [
  '10000',
  '-1',
  '1.5',
  '1e3',
  'x',
  '%20',
  '0x10',
  '99999999999',
  '%31%20',
  '+1',
  '1'.repeat(5000)
]

/** method, path, content type, body, code */
type Line = [
  method: string,
  path: string,
  type: string | undefined,
  body: string | undefined,
  code: ErrorCode
]

const REQUESTS: Line[] = [
  ['GET', '/route', undefined, undefined, 'KV_ERR_KEY_MISSING'],
  ['GET', '/route?', undefined, undefined, 'KV_ERR_KEY_MISSING'],
  ['GET', '/route?other=1', undefined, undefined, 'KV_ERR_KEY_MISSING'],
  ['GET', '/route?key=', undefined, undefined, 'KV_ERR_KEY_LENGTH'],
  ['GET', '/route?key', undefined, undefined, 'KV_ERR_KEY_LENGTH'],
  ['GET', '/route?key=a&key=b', undefined, undefined, 'KV_ERR_KEY_MISSING'],
  ['GET', `/route?key=${LONG}`, undefined, undefined, 'KV_ERR_KEY_LENGTH'],
  ['GET', `/route?key=${'%e2%82%ac'.repeat(342)}`, undefined, undefined, 'KV_ERR_KEY_LENGTH'],
  ['GET', '/route?key=%ff', undefined, undefined, 'KV_ERR_KEY_ENCODING'],
  ['GET', '/route?key=%ed%a0%80', undefined, undefined, 'KV_ERR_KEY_ENCODING'],
  ['GET', '/route?key=%c0%af', undefined, undefined, 'KV_ERR_KEY_ENCODING'],
  ['GET', '/route?key=%zz', undefined, undefined, 'KV_ERR_MALFORMED'],
  ['GET', '/route?key=%', undefined, undefined, 'KV_ERR_MALFORMED'],
  ['GET', '/route?key=%4', undefined, undefined, 'KV_ERR_MALFORMED'],
  ['GET', '/cache', undefined, undefined, 'KV_ERR_KEY_MISSING'],
  ['GET', '/cache?key=%ff', undefined, undefined, 'KV_ERR_KEY_ENCODING'],
  ['GET', '/route_test', undefined, undefined, 'KV_ERR_KEY_MISSING'],
  ['GET', '/route_test?key=', undefined, undefined, 'KV_ERR_KEY_LENGTH'],
  ['DELETE', '/route', undefined, undefined, 'KV_ERR_KEY_MISSING'],
  ['DELETE', '/route?key=%ff', undefined, undefined, 'KV_ERR_KEY_ENCODING'],
  ...['/route', '/cache'].flatMap((path): Line[] => [
    ['POST', path, undefined, undefined, 'KV_ERR_MALFORMED'],
    ['POST', path, FORM, '', 'KV_ERR_KEY_MISSING'],
    ['POST', path, FORM, 'key=k', 'KV_ERR_VALUE_MISSING'],
    ['POST', path, FORM, 'val=v', 'KV_ERR_KEY_MISSING'],
    ['POST', path, FORM, 'key=&val=v', 'KV_ERR_KEY_LENGTH'],
    ['POST', path, FORM, `key=${LONG}&val=v`, 'KV_ERR_KEY_LENGTH'],
    ['POST', path, FORM, 'key=k&key=l&val=v', 'KV_ERR_KEY_MISSING'],
    ['POST', path, FORM, 'key=k&val=v&val=w', 'KV_ERR_VALUE_MISSING'],
    ['POST', path, FORM, 'key=%ff&val=v', 'KV_ERR_KEY_ENCODING'],
    ['POST', path, FORM, 'key=k&val=%f', 'KV_ERR_MALFORMED'],
    ['POST', path, FORM, 'key=k&val=%ffx%zz', 'KV_ERR_MALFORMED'],
    ['POST', path, FORM, `key=k&val=${'v'.repeat(1_000_001)}`, 'KV_ERR_VALUE_TOO_LARGE'],
    ['POST', path, FORM, `key=k&val=${'%41'.repeat(1_000_001)}`, 'KV_ERR_VALUE_TOO_LARGE'],
    ['POST', path, FORM, 'x'.repeat(3_100_000), 'KV_ERR_BODY_TOO_LARGE'],
    ['POST', path, JSON_TYPE, '', 'KV_ERR_MALFORMED'],
    ['POST', path, JSON_TYPE, '{', 'KV_ERR_MALFORMED'],
    ['POST', path, JSON_TYPE, '{"key":"k","val":"v"', 'KV_ERR_MALFORMED'],
    ['POST', path, JSON_TYPE, 'null', 'KV_ERR_MALFORMED'],
    ['POST', path, JSON_TYPE, '[]', 'KV_ERR_MALFORMED'],
    ['POST', path, JSON_TYPE, '"key=k&val=v"', 'KV_ERR_MALFORMED'],
    ['POST', path, JSON_TYPE, '7', 'KV_ERR_MALFORMED'],
    ['POST', path, JSON_TYPE, '{}', 'KV_ERR_KEY_MISSING'],
    ['POST', path, JSON_TYPE, '{"key":7,"val":"v"}', 'KV_ERR_KEY_MISSING'],
    ['POST', path, JSON_TYPE, '{"key":["k"],"val":"v"}', 'KV_ERR_KEY_MISSING'],
    ['POST', path, JSON_TYPE, '{"key":null,"val":"v"}', 'KV_ERR_KEY_MISSING'],
    ['POST', path, JSON_TYPE, '{"key":"","val":"v"}', 'KV_ERR_KEY_LENGTH'],
    ['POST', path, JSON_TYPE, '{"key":"k"}', 'KV_ERR_VALUE_MISSING'],
    ['POST', path, JSON_TYPE, '{"key":"k","val":7}', 'KV_ERR_VALUE_MISSING'],
    ['POST', path, JSON_TYPE, '{"key":"k","val":{"type":"Buffer","data":[1]}}', 'KV_ERR_VALUE_MISSING'],
    ['POST', path, JSON_TYPE, '{"key":"\\ud800","val":"v"}', 'KV_ERR_KEY_ENCODING'],
    ['POST', path, JSON_TYPE, '{"key":"k","val":"\\udfff"}', 'KV_ERR_MALFORMED'],
    ['POST', path, JSON_TYPE, '{"__proto__":{"key":"k","val":"v"}}', 'KV_ERR_MALFORMED'],
    ['POST', path, 'text/plain', 'key=k&val=v', 'KV_ERR_MEDIA_TYPE'],
    ['POST', path, 'multipart/form-data; boundary=x', 'key=k&val=v', 'KV_ERR_MEDIA_TYPE'],
    ['POST', path, 'application/octet-stream', 'key=k&val=v', 'KV_ERR_MEDIA_TYPE'],
    ['POST', path, 'nonsense', 'key=k&val=v', 'KV_ERR_MEDIA_TYPE'],
    ['POST', path, undefined, 'key=k&val=v', 'KV_ERR_MEDIA_TYPE']
  ]),
  ['GET', '/kv/', undefined, undefined, 'KV_ERR_KEY_LENGTH'],
  ['PUT', '/kv/', undefined, 'v', 'KV_ERR_KEY_LENGTH'],
  ['DELETE', '/kv/', undefined, undefined, 'KV_ERR_KEY_LENGTH'],
  ['GET', `/kv/${LONG}`, undefined, undefined, 'KV_ERR_KEY_LENGTH'],
  ['PUT', `/kv/${'%e2%82%ac'.repeat(342)}`, undefined, 'v', 'KV_ERR_KEY_LENGTH'],
  ['GET', '/kv/%ff', undefined, undefined, 'KV_ERR_MALFORMED'],
  ['PUT', '/kv/%ff', undefined, 'v', 'KV_ERR_MALFORMED'],
  ['PUT', '/kv/%ed%a0%80', undefined, 'v', 'KV_ERR_MALFORMED'],
  ['PUT', '/kv/%', undefined, 'v', 'KV_ERR_MALFORMED'],
  ['PUT', '/kv/%4', undefined, 'v', 'KV_ERR_MALFORMED'],
  ['PUT', '/kv/%zz', undefined, 'v', 'KV_ERR_MALFORMED'],
  ['PUT', '/kv/k', undefined, 'v'.repeat(1_000_001), 'KV_ERR_VALUE_TOO_LARGE'],
  ['PUT', '/kv/k', JSON_TYPE, 'v'.repeat(1_000_001), 'KV_ERR_VALUE_TOO_LARGE'],
  ['PUT', '/kv/k', `x/${'y'.repeat(255)}`, 'v', 'KV_ERR_CONTENT_TYPE'],
  ...[
    '',
    '0',
    '-1',
    '1.5',
    '31536001',
    '1e3',
    'x',
    '%201',
    '1%20',
    '+1',
    '0x10',
    '%31%',
    '9999999999',
    '1&ttl=2'
  ].map((ttl): Line => [
    'PUT',
    `/kv/k?ttl=${ttl}`,
    undefined,
    'v',
    ttl.endsWith('%') ? 'KV_ERR_MALFORMED' : 'KV_ERR_TTL'
  ]),
  ...['', '0', '-1', '17', '1.5', 'x', '1&r=1'].map((r): Line => [
    'GET',
    `/kv/k?r=${r}`,
    undefined,
    undefined,
    'KV_ERR_QUORUM_SIZE'
  ]),
  ...['', '0', '17', 'x'].flatMap((w): Line[] => [
    ['PUT', `/kv/k?w=${w}`, undefined, 'v', 'KV_ERR_QUORUM_SIZE'],
    ['DELETE', `/kv/k?w=${w}`, undefined, undefined, 'KV_ERR_QUORUM_SIZE']
  ]),
  ...[
    '/migrate/5/4',
    '/migrate/-1/4',
    '/migrate/0/10000',
    '/migrate/a/b',
    '/migrate/0x1/5',
    '/migrate/1.5/5',
    '/migrate/%20/5',
    '/migrate//5',
    '/migrate/1/'
  ].map((path): Line => ['GET', path, undefined, undefined, 'KV_ERR_SLOTS']),
  ...[
    '/none',
    '/migrate',
    '/migrate/1',
    '/migrate/1/2/3',
    '/routes',
    '/Route?key=k',
    '//',
    '/kv',
    '/route/',
    '/%2e%2e/route',
    '/internal',
    '/internal/other'
  ].map((path): Line => ['GET', path, undefined, undefined, 'KV_ERR_NO_ROUTE']),
  ...['PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'MKCOL', 'PURGE'].map((method): Line => [
    method,
    '/route?key=k',
    undefined,
    undefined,
    'KV_ERR_NO_ROUTE'
  ]),
  ['POST', '/kv/k', FORM, 'key=k&val=v', 'KV_ERR_NO_ROUTE'],
  ['PATCH', '/kv/k', undefined, 'v', 'KV_ERR_NO_ROUTE'],
  ['POST', '/clear_cache', FORM, '', 'KV_ERR_NO_ROUTE'],
  ['DELETE', '/hash_ring', undefined, undefined, 'KV_ERR_NO_ROUTE'],
  ['GET', '/internal/ops', undefined, undefined, 'KV_ERR_NO_ROUTE'],
  ['POST', '/internal/ops', undefined, undefined, 'KV_ERR_FRAME'],
  ['POST', '/internal/ops', JSON_TYPE, '{}', 'KV_ERR_MEDIA_TYPE'],
  ['POST', '/internal/ops', 'application/octet-stream', 'x', 'KV_ERR_FRAME'],
  [
    'POST',
    '/internal/ops',
    'application/octet-stream',
    'x'.repeat(8 * 1024 * 1024 + 1),
    'KV_ERR_BODY_TOO_LARGE'
  ],
  ...[
    '{}',
    'null',
    '[]',
    '7',
    '{"ring":{}}',
    '{"ring":{},"ranges":[[0]]}',
    '{"ring":{},"ranges":[[0,10000]]}',
    '{"ring":{},"ranges":[[-1,5]]}',
    '{"ring":"1","ranges":[]}',
    '{"ring":[],"ranges":[]}',
    '{"ring":{},"ranges":[[0.5,1]]}',
    '{"ring":{},"ranges":"x"}'
  ].map((body): Line => ['POST', '/internal/pull', JSON_TYPE, body, 'KV_ERR_MALFORMED']),
  ...['GET', 'POST'].flatMap((method): Line[] => [
    ...NO_TOKENS.map((token): Line => [
      method,
      `/add_node/${token}/${NODE}`,
      undefined,
      undefined,
      'KV_ERR_RING_INVALID'
    ]),
    ...NO_NODES.flatMap((node): Line[] => [
      [method, `/add_node/1/${node}`, undefined, undefined, 'KV_ERR_RING_INVALID'],
      [method, `/remove_node/${node}?force=true`, undefined, undefined, 'KV_ERR_RING_INVALID']
    ]),
    [method, '/add_node/1/%ff:5', undefined, undefined, 'KV_ERR_MALFORMED'],
    [method, '/add_node/%/a:5', undefined, undefined, 'KV_ERR_MALFORMED'],
    [method, '/add_node//a:5', undefined, undefined, 'KV_ERR_RING_INVALID'],
    [method, '/remove_node/', undefined, undefined, 'KV_ERR_RING_INVALID'],
    ...['', '1', 'TRUE', 'true&force=true', '%ff'].map((force): Line => [
      method,
      `/remove_node/${NODE}?force=${force}`,
      undefined,
      undefined,
      'KV_ERR_MALFORMED'
    ]),
    ...['also=a:1', 'force=false&also=a:1'].map((query): Line => [
      method,
      `/remove_node/${NODE}?${query}`,
      undefined,
      undefined,
      'KV_ERR_MALFORMED'
    ]),
    ...['also=', 'also=x', 'also=a:1&also=x'].map((query): Line => [
      method,
      `/remove_node/${NODE}?force=true&${query}`,
      undefined,
      undefined,
      'KV_ERR_RING_INVALID'
    ]),
    [method, `/remove_node/${NODE}?force=%zz`, undefined, undefined, 'KV_ERR_MALFORMED'],
    [method, `/remove_node/${NODE}`, undefined, undefined, 'KV_ERR_UNKNOWN_NODE'],
    ...[
      '/add_node',
      '/add_node/1',
      `/add_node/1/${NODE}/`,
      `/add_node/1/${NODE}/2`,
      '/remove_node',
      `/remove_node/${NODE}/1`
    ].map((path): Line => [method, path, undefined, undefined, 'KV_ERR_NO_ROUTE'])
  ]),
  ...['PUT', 'DELETE', 'OPTIONS'].map((method): Line => [
    method,
    `/add_node/1/${NODE}`,
    undefined,
    undefined,
    'KV_ERR_NO_ROUTE'
  ]),
  ['POST', '/update_ring', FORM, `ip=${NODE}&task=add`, 'KV_ERR_RING_INVALID'],
  ...['/update_ring', '/ring/plan'].flatMap((path): Line[] => [
    ['GET', path, undefined, undefined, 'KV_ERR_NO_ROUTE'],
    ['POST', path, undefined, undefined, 'KV_ERR_MALFORMED'],
    ['POST', path, 'text/plain', 'task=add', 'KV_ERR_MEDIA_TYPE'],
    ['POST', path, JSON_TYPE, '[]', 'KV_ERR_MALFORMED'],
    ['POST', path, JSON_TYPE, '{', 'KV_ERR_MALFORMED'],
    ['POST', path, FORM, '', 'KV_ERR_RING_INVALID'],
    ['POST', path, FORM, 'ip=%zz&key=1&task=add', 'KV_ERR_MALFORMED'],
    ['POST', path, FORM, 'key=1&task=add', 'KV_ERR_RING_INVALID'],
    ['POST', path, FORM, `ip=${NODE}&ip=${NODE}&key=1&task=add`, 'KV_ERR_RING_INVALID'],
    ['POST', path, FORM, `ip=${NODE}&key=1`, 'KV_ERR_MALFORMED'],
    ['POST', path, FORM, `ip=${NODE}&key=1&task=move`, 'KV_ERR_MALFORMED'],
    ['POST', path, FORM, `ip=${NODE}&key=1&task=add&task=add`, 'KV_ERR_MALFORMED'],
    ['POST', path, FORM, `ip=${NODE}&key=&task=add`, 'KV_ERR_RING_INVALID'],
    ['POST', path, FORM, `ip=${NODE}&key=&task=remove`, 'KV_ERR_RING_INVALID'],
    ['POST', path, FORM, `ip=${NODE}&key=1&key=1&task=remove`, 'KV_ERR_RING_INVALID'],
    ['POST', path, FORM, `ip=${NODE}&key=10000&task=add`, 'KV_ERR_RING_INVALID'],
    ['POST', path, JSON_TYPE, `{"ip":"${NODE}","key":1.5,"task":"add"}`, 'KV_ERR_RING_INVALID'],
    ['POST', path, JSON_TYPE, `{"ip":"${NODE}","key":true,"task":"add"}`, 'KV_ERR_RING_INVALID'],
    ['POST', path, JSON_TYPE, `{"ip":"${NODE}","key":null,"task":"remove"}`, 'KV_ERR_RING_INVALID'],
    ['POST', path, JSON_TYPE, '{"ip":5,"key":1,"task":"add"}', 'KV_ERR_RING_INVALID'],
    ['POST', path, JSON_TYPE, `{"ip":"${NODE}","key":1,"task":"remove"}`, 'KV_ERR_UNKNOWN_NODE'],
    ['POST', path, FORM, `ip=${NODE}&task=remove`, 'KV_ERR_UNKNOWN_NODE']
  ]),
  ['GET', '/ring/abort', undefined, undefined, 'KV_ERR_NO_ROUTE'],
  ['POST', '/ring/abort', undefined, undefined, 'KV_ERR_RING_CONFLICT'],
  ['POST', '/ring/abort', 'text/plain', 'x', 'KV_ERR_MEDIA_TYPE'],
  ['POST', '/ring/changes', undefined, undefined, 'KV_ERR_NO_ROUTE'],
  ...['{}', '{"vote":7}', 'null', '[]'].map((body): Line => [
    'POST',
    '/internal/vote',
    JSON_TYPE,
    body,
    'KV_ERR_MALFORMED'
  ]),
  ...['', '{}', 'null', '{\\"present\\":\\"x\\"}'].map((vote): Line => [
    'POST',
    '/internal/vote',
    JSON_TYPE,
    `{"vote":"${vote}"}`,
    'KV_ERR_RING_INVALID'
  ]),
  ...[
    '{}',
    '{"ring":{}}',
    '{"ring":7}',
    '{"ring":{"ring":{"1":"n:1"},"generation":0,"epoch":1,"replicas":1}}',
    '7'
  ].map((body): Line => ['POST', '/internal/tidy', JSON_TYPE, body, 'KV_ERR_RING_INVALID']),
  ['POST', '/internal/tidy', undefined, undefined, 'KV_ERR_RING_INVALID'],
  [
    'POST',
    '/internal/tidy',
    JSON_TYPE,
    '{"ring":{"ring":{"3000":"n:1"},"_sorted_keys":[3000],"generation":1,"epoch":1,"replicas":1}}',
    'KV_ERR_RING_CONFLICT'
  ],
  ['POST', '/internal/pull', JSON_TYPE, '{"ring":{},"ranges":[[0,9999]]}', 'KV_ERR_RING_INVALID'],
  [
    'POST',
    '/internal/pull',
    JSON_TYPE,
    '{"ring":{"ring":{"3000":"n:1"},"generation":1,"epoch":1,"replicas":1},"ranges":[[0,9999]]}',
    'KV_ERR_FENCED'
  ]
]

t.test('each line of the table', async t => {
  const [node] = await startNodes(t, 1)
  await node.ask('/kv/k', { method: 'PUT', body: 'before' })
  const before = [(await node.ask('/migrate/0/9999')).text, (await node.ask('/hash_ring')).text]
  for (const [method, path, type, body, code] of REQUESTS) {
    const answer = await node.ask(path, {
      method,
      ...(type !== undefined && { headers: { 'content-type': type } }),
      ...(body !== undefined && { body })
    })
    const name = `${method} ${path.slice(0, 60)} ${type ?? ''} ${body?.slice(0, 60) ?? ''}`
    const { status } = CATALOGUE[code]
    if (answer.status !== status || answer.json().code !== code) {
      t.fail(`${name}: ${status} ${code}, not ${answer.status} ${answer.text.slice(0, 200)}`)
    }
    t.match(
      answer.json(),
      { statusCode: status, code, error: STATUS_CODES[status], message: /^\S.*\S$/s },
      name
    )
    t.match(answer.headers, {
      'content-type': 'application/json; charset=utf-8',
      'retry-after': status === 503 ? '1' : undefined
    })
  }
  t.same([(await node.ask('/migrate/0/9999')).text, (await node.ask('/hash_ring')).text], before)
  t.equal((await node.ask('/readyz')).status, 200)
})
