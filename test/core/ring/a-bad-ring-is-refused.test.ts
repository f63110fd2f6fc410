// A seed or a ring that is wrong in any way is refused as a whole, with KV_ERR_RING_INVALID; nothing is
// repaired.

import fc from 'fast-check'
import t from 'tap'
import { isNodeAddress } from '../../../src/core/ring/ring.ts'
import { parseRing } from '../../../src/core/ring/ring-json.ts'
import { parseSeed } from '../../../src/core/ring/seed.ts'
import { KvError } from '../../../src/errors.ts'

const seed = (fields: object) => JSON.stringify({ nodes: [{ ip: 'a:1', key: 5 }], ...fields })
const ring = (fields: object) =>
  JSON.stringify({ ring: { 5: 'a:1' }, _sorted_keys: [5], generation: 1, epoch: 1, replicas: 1, ...fields })
const change = { next: { 6: 'b:1' }, pending: ['b:1'], since: 1 }

t.test('what is right is taken', async t => {
  t.same(parseSeed(seed({}), 3), {
    tokens: [{ position: 5, node: 'a:1' }],
    replicas: 3,
    generation: undefined
  })
  t.same(
    parseSeed(
      JSON.stringify({
        nodes: [
          { ip: 'b:2', key: 9999 },
          { ip: 'a:1', key: 7 },
          { ip: 'b:2', key: 0 }
        ],
        replicas: 2,
        generation: 99
      }),
      3
    ),
    {
      tokens: [
        { position: 0, node: 'b:2' },
        { position: 7, node: 'a:1' },
        { position: 9999, node: 'b:2' }
      ],
      replicas: 2,
      generation: 99
    }
  )
  t.same(parseRing(ring(change)), {
    generation: 1,
    epoch: 1,
    replicas: 1,
    tokens: [{ position: 5, node: 'a:1' }],
    next: [{ position: 6, node: 'b:1' }],
    pending: ['b:1'],
    since: 1
  })
  t.same(parseRing(ring({ ...change, gone: ['a:1'] })).gone, ['a:1'])
})

t.test('bad seeds', async t => {
  const one = (token: unknown) => seed({ nodes: [token] })
  const bad = [
    '',
    '{',
    'null',
    '[]',
    '7',
    '"x"',
    '{}',
    seed({ nodes: [] }),
    seed({ nodes: {} }),
    seed({ nodes: 'a:1' }),
    seed({ nodes: null }),
    one(null),
    one(7),
    one([]),
    one({}),
    one({ ip: 'a:1' }),
    one({ key: 5 }),
    one({ ip: 5, key: 5 }),
    one({ ip: 'a', key: 5 }),
    one({ ip: 'a:1', key: -1 }),
    one({ ip: 'a:1', key: 10_000 }),
    one({ ip: 'a:1', key: 1.5 }),
    one({ ip: 'a:1', key: '5' }),
    one({ ip: 'a:1', key: null }),
    seed({
      nodes: [
        { ip: 'a:1', key: 5 },
        { ip: 'b:1', key: 5 }
      ]
    }),
    seed({ replicas: 0 }),
    seed({ replicas: 17 }),
    seed({ replicas: '3' }),
    seed({ replicas: null }),
    seed({ replicas: 2.5 }),
    seed({ generation: 0 }),
    seed({ generation: -1 }),
    seed({ generation: 2 ** 48 }),
    seed({ generation: '1' }),
    seed({ generation: 1.5 })
  ]
  for (const text of bad) t.throws(() => parseSeed(text, 3), { code: 'KV_ERR_RING_INVALID' }, text)
})

t.test('bad rings', async t => {
  const bad = [
    '',
    'null',
    '[]',
    '{}',
    ring({ ring: undefined }),
    ring({ ring: {} }),
    ring({ ring: [] }),
    ring({ ring: null }),
    ring({ ring: 'a:1' }),
    ring({ ring: { 10000: 'a:1' } }),
    ring({ ring: { '-1': 'a:1' } }),
    ring({ ring: { 1.5: 'a:1' } }),
    ring({ ring: { x: 'a:1' } }),
    ring({ ring: { '': 'a:1' } }),
    ring({ ring: { ' 5': 'a:1' } }),
    ring({ ring: { 5: 'a' } }),
    ring({ ring: { 5: null } }),
    ring({ ring: { 5: 'a:1', '05': 'b:1' } }),
    '{"ring": {"__proto__": "a:1"}, "generation": 1, "epoch": 1, "replicas": 1}',
    ring({ generation: 0 }),
    ring({ generation: 2 ** 48 }),
    ring({ epoch: 0 }),
    ring({ epoch: 2 ** 32 }),
    ring({ epoch: '1' }),
    ring({ replicas: 0 }),
    ring({ replicas: undefined }),
    ...['next', 'pending', 'since'].flatMap(name => [
      ring({ ...change, [name]: undefined }),
      ring({ ...change, [name]: null })
    ]),
    ring({ next: change.next }),
    ring({ pending: change.pending }),
    ring({ since: 2 }),
    ring({ since: null }),
    ring({ gone: ['a:1'] }),
    ring({ ...change, next: {} }),
    ring({ ...change, next: [] }),
    ring({ ...change, since: 0 }),
    ring({ ...change, since: 2 }),
    ring({ ...change, since: '1' }),
    ...['b:1', {}, [], ['a:1'], ['b'], ['b:1', 'b:1'], [null], [['b:1']]].map(pending =>
      ring({ ...change, pending })
    ),
    ...[null, 'a:1', {}, [], ['b:1'], ['a:1', 'a:1'], [7]].map(gone => ring({ ...change, gone }))
  ]
  for (const text of bad) t.throws(() => parseRing(text), { code: 'KV_ERR_RING_INVALID' }, text)
})

t.test('the bounds of a token are told', async t => {
  const message = /a token is a whole number from 0 to 9999$/
  t.throws(() => parseRing(ring({ ring: { 10000: 'a:1' } })), { message })
})

t.test('what is missing of a change is told', async t => {
  for (const name of ['next', 'pending', 'since']) {
    t.throws(() => parseRing(ring({ ...change, [name]: undefined })), { message: /come together/ }, name)
  }
  t.throws(() => parseRing(ring({ gone: ['a:1'] })), { message: /come together/ })
})

t.test('whatever the bytes, no other error', async () => {
  const json = fc.oneof(
    fc.json(),
    fc.string(),
    fc.object().map(object => ring(object)),
    fc.object().map(object => seed(object))
  )
  fc.assert(
    fc.property(json, text => {
      for (const parse of [parseRing, (text: string) => parseSeed(text, 3)]) {
        try {
          parse(text)
        } catch (error) {
          if (!(error instanceof KvError) || error.code !== 'KV_ERR_RING_INVALID') return false
        }
      }
      return true
    }),
    { numRuns: 1_000 }
  )
})

t.test('what may be a node', async t => {
  for (const node of [
    'a:1',
    '127.0.0.1:5000',
    'node-1.example.org:65535',
    'a_b:80',
    '[::1]:5000',
    '[::ffff:10.0.0.1]:1',
    `${'x'.repeat(253)}:1`
  ]) {
    t.ok(isNodeAddress(node), node)
  }
  for (const node of [
    '',
    'a',
    'a:',
    ':1',
    'a:0',
    'a:01',
    'a:65536',
    'a:123456',
    'a:1 ',
    ' a:1',
    '-a:1',
    'a-:1',
    '.a:1',
    'a b:1',
    '::1:5000',
    '[]:1',
    '[x]:1',
    'a:1\n',
    `${'x'.repeat(254)}:1`,
    7,
    null,
    undefined,
    ['a:1']
  ]) {
    t.notOk(isNodeAddress(node), String(node))
  }
})
