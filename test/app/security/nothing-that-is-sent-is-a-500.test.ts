// Fuzzing over HTTP and over raw sockets: whatever is sent, no answer is a 500 or an undocumented one, and
// the node lives on.

import { connect } from 'node:net'
import t from 'tap'
import fc from 'fast-check'
import { percent, startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const PATHS = [
  '/',
  '/route',
  '/cache',
  '/route_test',
  '/hash_ring',
  '/bulk_update_keys',
  '/kv/k',
  '/kv/batch',
  '/migrate/0/9',
  '/fetch_keys',
  '/livez',
  '/readyz',
  '/internal/ops',
  '/internal/pull',
  '/none',
  '/add_node/1/x',
  '/add_node/9999/127.0.0.1:1',
  '/remove_node/127.0.0.1:1',
  '/update_ring',
  '/ring/plan',
  '/ring/changes',
  '/ring/abort',
  '/internal/tidy',
  '/internal/vote',
  '/internal/progress'
]
const TYPES = [
  'application/json',
  'application/x-www-form-urlencoded',
  'application/octet-stream',
  'text/plain',
  'application/json; charset=latin1',
  'x',
  '',
  ';',
  'application/json;;=',
  '/'
]
const DOCUMENTED = new Set([200, 204, 400, 404, 409, 413, 415, 417, 431, 503])

/**
 * Writes bytes to the node and gives what it answers until it closes, falls silent after an answer, or the
 * time is up.
 */
function sendRaw(node: TestNode, bytes: Buffer): Promise<string> {
  return new Promise(resolve => {
    const socket = connect(Number(node.address.split(':')[1]), '127.0.0.1')
    let answer = ''
    const end = () => {
      socket.destroy()
      resolve(answer)
    }
    // The other side waits for the rest of what it takes for a request: half-closing says that there is none.
    socket.on('connect', () => socket.end(bytes))
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
    })
    socket.on('end', end).on('error', end).on('close', end)
    socket.setTimeout(5_000, end)
  })
}

function checkRaw(answer: string, sent: Buffer): void {
  for (const [, status] of answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
    if (!DOCUMENTED.has(Number(status))) {
      throw new Error(`${status} for ${JSON.stringify(sent.toString('latin1'))}: ${answer}`)
    }
  }
}

t.test('random forms, JSON and bytes', async t => {
  const [node] = await startNodes(t, 1)
  const json = fc.oneof(
    fc.json(),
    fc
      .dictionary(
        fc.constantFrom(
          'key',
          'val',
          'data',
          'dic',
          'nodes',
          'generation',
          'epoch',
          'ranges',
          'ring',
          'vote',
          'ip',
          'task',
          'operations',
          '__proto__',
          'x'
        ),
        fc.jsonValue()
      )
      .map(value => JSON.stringify(value))
  )
  const field = fc.tuple(
    fc.constantFrom('key', 'val', 'data', 'dic', 'ttl', 'r', 'w', 'ip', 'task', 'force', 'x', '', '%', '%ff'),
    fc.oneof(
      fc.string({ unit: 'binary' }),
      json.map(text => percent(text))
    )
  )
  const form = fc
    .array(field, { maxLength: 4 })
    .map(fields => fields.map(([name, value]) => `${name}=${value}`).join('&'))
  const body = fc.oneof(
    json,
    form,
    fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes))
  )
  const query = form.map(text =>
    text === ''
      ? ''
      : `?${text.replace(/[^\x21-\x7e]/g, char => encodeURIComponent(char.isWellFormed() ? char : 'x'))}`
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
      fc.constantFrom(...PATHS),
      query,
      fc.constantFrom(...TYPES),
      body,
      async (method, path, query, type, body) => {
        const answer = await node.ask(path + query, { method, headers: { 'content-type': type }, body })
        if (!DOCUMENTED.has(answer.status)) throw new Error(`${answer.status} ${answer.text}`)
        if (answer.status >= 400 && method !== 'HEAD' && answer.text !== 'N/A') {
          t.match(answer.json(), {
            statusCode: answer.status,
            code: /^KV_ERR_/,
            error: String,
            message: String
          })
        }
        if (answer.status === 503) t.equal(answer.headers['retry-after'], '1')
      }
    ),
    { numRuns: 2_000 }
  )
  t.equal((await node.ask('/livez')).status, 200)
})

t.test('random bytes over a socket', async t => {
  const [node] = await startNodes(t, 1)
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async bytes => {
      checkRaw(await sendRaw(node, Buffer.from(bytes)), Buffer.from(bytes))
    }),
    { numRuns: 200 }
  )
  t.equal((await node.ask('/livez')).status, 200)
})

t.test('almost a request over a socket', async t => {
  const [node] = await startNodes(t, 1)
  const token = fc.oneof(
    fc.constantFrom('GET', 'POST', 'PUT', 'CONNECT', 'TRACE', 'OPTIONS', 'HEAD', 'QUERY', 'get', '*'),
    fc.string({ maxLength: 8 })
  )
  const target = fc.oneof(
    fc.constantFrom(
      ...PATHS,
      '*',
      '',
      'http://other/route?key=k',
      '/kv/%',
      '/route?key=%',
      '//',
      '/kv/\x80',
      '/kv/ü',
      '/kv/a b',
      '/kv/k#x',
      '/kv/../../x',
      '/route?key=\xff'
    ),
    fc.string({ maxLength: 20 })
  )
  const header = fc.oneof(
    fc.constantFrom(
      'host: x',
      'host:',
      'content-length: 5',
      'content-length: -1',
      'content-length: 5, 6',
      'content-length: 99999999999999999999',
      'transfer-encoding: chunked',
      'transfer-encoding: x',
      'expect: 100-continue',
      'expect: x',
      'connection: close',
      'connection: upgrade\r\nupgrade: websocket',
      'content-type: application/json',
      'content-type: application/x-www-form-urlencoded',
      'content-encoding: gzip',
      `x: ${'y'.repeat(20_000)}`,
      'authorization: \xff',
      ': x',
      ' folded: x',
      'range: bytes=0-1',
      'if-none-match: *'
    ),
    fc
      .tuple(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }))
      .map(([name, value]) => `${name}: ${value}`)
  )
  const version = fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', '')
  const body = fc.oneof(
    fc.constantFrom('', 'key=k', '5\r\nhello\r\n0\r\n\r\n', 'ffffffffffffffff\r\n', '{"key":'),
    fc.string({ maxLength: 30 })
  )
  await fc.assert(
    fc.asyncProperty(
      token,
      target,
      version,
      fc.array(header, { maxLength: 5 }),
      body,
      async (method, target, version, headers, body) => {
        const bytes = Buffer.from(
          `${method} ${target} ${version}\r\n${headers.map(line => `${line}\r\n`).join('')}\r\n${body}`,
          'latin1'
        )
        checkRaw(await sendRaw(node, bytes), bytes)
      }
    ),
    { numRuns: 600 }
  )
  t.equal((await node.ask('/livez')).status, 200)
  t.same((await node.ask('/hash_ring')).json().epoch, 1)
})

t.test('the same without a ring', async t => {
  const [node] = await startNodes(t, 1, { seeded: false })
  for (const path of PATHS) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE']) {
      const { status } = await node.ask(`${path}?key=k`, {
        method,
        ...(method !== 'GET' && method !== 'HEAD' && { body: { key: 'k', val: 'v', dic: '{"k":"v"}' } })
      })
      if (!DOCUMENTED.has(status)) t.fail(`${method} ${path}: ${status}`)
    }
  }
  t.equal((await node.ask('/livez')).status, 200)
})
