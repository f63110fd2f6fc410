// `/fetch_keys`, `/migrate` and `/clear_cache`: what an operator takes out of one node. Answers are streams
// at the reader's pace, and a reader that goes away ends what it began.

import { Readable } from 'node:stream'
import t from 'tap'
import { request } from 'undici'
import { type Storage } from '../../../src/core/ports.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const BYTES = Buffer.from([0xff, 0x00, 0xfe])

const lines = (text: string) =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))

t.test('an empty node', async t => {
  const [node] = await startNodes(t, 1)
  t.match(await node.ask('/fetch_keys'), {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8' }
  })
  t.same((await node.ask('/fetch_keys')).json(), [])
  t.match(await node.ask('/migrate/0/9999'), {
    status: 200,
    text: '',
    headers: { 'content-type': 'application/x-ndjson; charset=utf-8' }
  })
  t.match(await node.ask('/clear_cache'), { status: 200, text: 'OK' })
})

t.test('/fetch_keys lists what can be seen, whichever bytes', async t => {
  let nowMs = 1_700_000_000_000
  const [node] = await startNodes(t, 1, { wallMs: () => nowMs })
  await node.ask('/kv/text', { method: 'PUT', body: 'ü\n"€"' })
  await node.ask('/kv/bytes', { method: 'PUT', body: BYTES })
  await node.ask('/kv/gone', { method: 'PUT', body: 'x' })
  await node.ask('/kv/gone', { method: 'DELETE' })
  await node.ask('/kv/expired?ttl=1', { method: 'PUT', body: 'x' })
  await node.ask('/kv/a%0Ab', { method: 'PUT', body: '' })
  nowMs += 1_000
  t.same((await node.ask('/fetch_keys')).json().sort(), [
    ['a\nb', ''],
    ['bytes', { base64: BYTES.toString('base64') }],
    ['text', 'ü\n"€"']
  ])
})

t.test('/migrate streams the pairs of a range, tombstones included, and deletes nothing', async t => {
  let nowMs = 1_700_000_000_000
  const [node] = await startNodes(t, 1, { wallMs: () => nowMs })
  const etag = (
    await node.ask('/kv/text', { method: 'PUT', headers: { 'content-type': 'text/x; y=z' }, body: 'ü' })
  ).headers.etag
  await node.ask('/kv/bytes?ttl=60', { method: 'PUT', body: BYTES })
  await node.ask('/kv/gone', { method: 'PUT', body: 'x' })
  nowMs += 5
  await node.ask('/kv/gone', { method: 'DELETE' })
  for (const repeat of ['once', 'again']) {
    const pairs = lines((await node.ask('/migrate/0/9999')).text)
    t.same(
      pairs.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ version, ...pair }) => pair),
      [
        { key: 'bytes', value: BYTES.toString('base64'), encoding: 'base64', expires: 1_700_000_060_000 },
        { key: 'gone', value: '', encoding: 'utf8', expires: 1_700_000_000_005, deleted: true },
        { key: 'text', value: 'ü', encoding: 'utf8', contentType: 'text/x; y=z' }
      ],
      repeat
    )
    t.equal(`"${pairs[2].version}"`, etag)
  }
  const slot = slotOf('text')
  for (const [min, max, found] of [
    [slot, slot, 1],
    [0, slot - 1, 0],
    [slot + 1, 9999, 0]
  ] as const) {
    const pairs = lines((await node.ask(`/migrate/${min}/${max}`)).text)
    t.equal(pairs.filter(({ key }) => key === 'text').length, found, 'both ends are included')
    t.ok(pairs.every(({ key }) => slotOf(key) >= min && slotOf(key) <= max))
  }
})

t.test('/clear_cache empties this node, and the ring stays', async t => {
  const [a, b] = await startNodes(t, 2, { replicas: 1 })
  for (let i = 0; i < 50; i++) await a.ask('/route', { method: 'POST', body: { key: `k${i}`, val: 'v' } })
  const ring = (await a.ask('/hash_ring')).text
  const others = (await b.ask('/fetch_keys')).json().length
  t.match(await a.ask('/clear_cache'), {
    status: 200,
    text: 'OK',
    headers: { 'content-type': 'text/plain; charset=utf-8' }
  })
  t.same((await a.ask('/fetch_keys')).json(), [])
  t.equal((await b.ask('/fetch_keys')).json().length, others)
  t.equal((await a.ask('/hash_ring')).text, ring)
  t.equal((await a.ask('/readyz')).status, 200)
  t.match(await a.ask('/route', { method: 'POST', body: { key: 'k', val: 'v' } }), { status: 200 })
})

t.test('many and large pairs arrive complete', async t => {
  const [node] = await startNodes(t, 1)
  const wanted = new Map<string, string>()
  for (let i = 0; i < 600; i++) wanted.set(`k${i}`, `${i}`.repeat(i % 100 === 0 ? 100_000 : 1))
  await Promise.all([...wanted].map(([key, value]) => node.ask(`/kv/${key}`, { method: 'PUT', body: value })))
  t.same(new Map((await node.ask('/fetch_keys')).json()), wanted)
  t.same(
    new Map(lines((await node.ask('/migrate/0/9999')).text).map(({ key, value }) => [key, value])),
    wanted
  )
})

/** Storage whose scan goes on for ever, and tells how far it is. */
function endless() {
  const scan = { begun: 0, ended: 0, batches: 0, gate: Promise.resolve() }
  const wrap = (storage: Storage): Storage =>
    Object.create(storage, {
      incarnation: { get: () => storage.incarnation },
      scan: {
        value: async function* () {
          scan.begun++
          try {
            for (let i = 0; ; i++) {
              await scan.gate
              scan.batches++
              yield [
                {
                  slot: 1,
                  key: `k${i}`,
                  record: {
                    version: { timeMs: 1, counter: 0, writer: 1 },
                    deleted: false,
                    expiresAtMs: 0,
                    contentType: '',
                    value: Buffer.alloc(100_000)
                  }
                }
              ]
            }
          } finally {
            scan.ended++
          }
        }
      }
    })
  return { scan, wrap }
}

for (const [path, method] of [
  ['/fetch_keys', 'GET'],
  ['/migrate/0/9999', 'GET'],
  ['/internal/pull', 'POST']
] as const) {
  const asking = async (node: TestNode, aborter: AbortController) => {
    const ring = (await node.ask('/hash_ring')).json()
    return request(`http://${node.address}${path}`, {
      method,
      signal: aborter.signal,
      ...(method === 'POST' && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ring, ranges: [[0, 9999]] })
      })
    })
  }

  t.test(`${path}: a reader that pauses stops the scan, and one that goes away ends it`, async t => {
    const { scan, wrap } = endless()
    const [node] = await startNodes(t, 1, { wrap })
    const aborter = new AbortController()
    const { body } = await asking(node, aborter)
    body.on('error', () => {})
    await new Promise(resolve => Readable.prototype.once.call(body, 'data', resolve))
    body.pause()
    let before = -1
    await until('the scan pauses', () => {
      const still = scan.batches === before
      before = scan.batches
      return still && scan.batches > 0
    })
    t.ok(scan.batches < 500, `${scan.batches} batches were read ahead`)
    t.equal(scan.ended, 0)
    aborter.abort()
    await until('the scan ends', () => scan.ended === 1)
  })

  t.test(`${path}: a reader that goes away before the first pair ends the scan`, async t => {
    const { scan, wrap } = endless()
    const [node] = await startNodes(t, 1, { wrap })
    let open = () => {}
    scan.gate = new Promise(resolve => {
      open = resolve
    })
    let gone = 0
    node.app.server.on('request', (_request, response) =>
      response.on('close', () => {
        if (!response.writableFinished) gone++
      })
    )
    const aborter = new AbortController()
    const asked = asking(node, aborter)
    await until('the scan begins', () => scan.begun === 1)
    aborter.abort()
    await t.rejects(asked)
    await until('the node has noticed', () => gone === 1)
    open()
    await until('the scan ends', () => scan.ended === 1)
  })
}

t.test(
  'a scan that fails at once is an error with a code, and one that fails later breaks the answer off',
  async t => {
    const { KvError } = await import('../../../src/errors.ts')
    let after = 0
    const wrap = (storage: Storage): Storage =>
      Object.create(storage, {
        scan: {
          value: async function* () {
            for (let i = 0; i < after; i++) {
              yield [
                {
                  slot: 1,
                  key: `k${i}`,
                  record: {
                    version: { timeMs: 1, counter: 0, writer: 1 },
                    deleted: false,
                    expiresAtMs: 0,
                    contentType: '',
                    value: Buffer.from('v')
                  }
                }
              ]
            }
            throw new KvError('KV_ERR_STORAGE')
          }
        }
      })
    const [node] = await startNodes(t, 1, { wrap })
    for (const path of ['/fetch_keys', '/migrate/0/9999']) {
      after = 0
      const answer = await node.ask(path)
      t.match({ status: answer.status, ...answer.json() }, { status: 503, code: 'KV_ERR_STORAGE' })
      t.equal(answer.headers['retry-after'], '1')
      after = 3
      await t.rejects(node.ask(path), 'a short list must not pass for a whole one')
    }
    t.equal((await node.ask('/livez')).status, 200)
  }
)
