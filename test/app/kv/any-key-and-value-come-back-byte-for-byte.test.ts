// Keys and values of any bytes, through every node and every route: what went in comes out.

import t, { type Test } from 'tap'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { percent, startNodes, type TestNode } from '../../support/cluster/nodes.ts'

const KEYS = [
  'plain',
  ' ',
  'a b',
  ' lead',
  'trail ',
  '\n',
  'a\r\nb',
  '\t',
  '\0',
  'a\0b',
  '%',
  '%%',
  '%41',
  '%2F',
  '%252F',
  '+',
  'a+b',
  '&',
  '=',
  'a=b&c=d',
  '?',
  'a?b=c',
  '#',
  ';',
  'a;b',
  '..',
  '.',
  '../..',
  './a',
  '/',
  '//',
  'a/b',
  'a//b',
  '/a',
  'a/',
  '/kv/',
  '*',
  ':',
  ':id',
  '\\',
  '"',
  "'",
  '`',
  '{}',
  '[0]',
  '<>',
  '|',
  '^',
  '~',
  '@',
  '!',
  '$',
  ',',
  'ü',
  'é',
  '€',
  '漢字',
  '😀',
  '\u{10ffff}',
  '\ufeff',
  '\ufffd',
  '\u200b',
  '\u0000\uffff',
  'N/A',
  'null',
  'undefined',
  '0',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'x'.repeat(240),
  'x'.repeat(241),
  'x'.repeat(1024),
  '€'.repeat(341),
  ' '.repeat(1024),
  '%'.repeat(1024),
  '\n'.repeat(1024)
]

const VALUES: Array<[string, Buffer]> = [
  ['nothing', Buffer.alloc(0)],
  ['every byte', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
  ['no UTF-8', Buffer.from([0xff, 0xfe, 0x80, 0xc3, 0x28])],
  ['UTF-8', Buffer.from('😀 ü €')],
  ['+ and %', Buffer.from('a+b %41 100% &=')],
  ['line ends', Buffer.from('\r\nVALUE x 0 1\r\nEND\r\n')],
  ['N/A', Buffer.from('N/A')],
  ['a million bytes', Buffer.alloc(1_000_000, Buffer.from([0, 255, 37, 43, 13, 10, 200]))]
]

async function three(t: Test) {
  return await startNodes(t, 3)
}

t.test('keys', async t => {
  const nodes = await three(t)
  for (const [i, key] of KEYS.entries()) {
    const name = JSON.stringify(key).slice(0, 40)
    const at = (n: number) => nodes[(i + n) % 3] as TestNode
    const value = Buffer.from(`value of ${i}`)
    t.equal(
      (await at(0).ask('/route', { method: 'POST', body: { key, val: value.toString() } })).status,
      200,
      `${name} POST /route`
    )
    for (const n of [0, 1, 2]) {
      t.match((await at(n).ask(`/route?key=${percent(key)}`)).body, value, `${name} GET /route`)
      t.match((await at(n).ask(`/kv/${percent(key)}`)).body, value, `${name} GET /kv`)
    }
    const body = JSON.stringify({ key, val: `json ${i}` })
    t.equal(
      (await at(1).ask('/route', { method: 'POST', headers: { 'content-type': 'application/json' }, body }))
        .status,
      200
    )
    t.equal((await at(2).ask(`/kv/${percent(key)}`)).text, `json ${i}`, `${name} POST /route JSON`)
    t.equal((await at(2).ask(`/kv/${percent(key)}`, { method: 'PUT', body: `kv ${i}` })).status, 204)
    t.equal((await at(0).ask(`/route?key=${percent(key)}`)).text, `kv ${i}`, `${name} PUT /kv`)
  }
  for (const [i, key] of KEYS.entries()) {
    t.equal((await nodes[0].ask(`/route?key=${percent(key)}`)).text, `kv ${i}`, 'no key overwrote another')
  }
  for (const [i, key] of KEYS.entries()) {
    const path = i % 2 === 0 ? `/route?key=${percent(key)}` : `/kv/${percent(key)}`
    t.equal(
      (await (nodes[i % 3] as TestNode).ask(path, { method: 'DELETE' })).status,
      i % 2 === 0 ? 200 : 204
    )
    for (const node of nodes) t.equal((await node.ask(`/route?key=${percent(key)}`)).status, 404)
  }
})

t.test('paths that are not percent-encoded', async t => {
  const nodes = await three(t)
  for (const [path, key] of [
    ['a/b', 'a/b'],
    ['a//b', 'a//b'],
    ['/', '/'],
    ['..', '..'],
    ['a/../b', 'a/../b'],
    ['a+b', 'a+b'],
    ['a;b=c', 'a;b=c'],
    ['%2e%2E', '..'],
    ['a:b@c', 'a:b@c'],
    ['%25%32%46', '%2F']
  ] as const) {
    t.equal((await nodes[0].ask(`/kv/${path}`, { method: 'PUT', body: key })).status, 204, path)
    t.equal((await nodes[1].ask(`/kv/${percent(key)}`)).text, key, path)
    t.equal((await nodes[2].ask(`/route?key=${percent(key)}`)).text, key, path)
  }
})

t.test('a + in a form or a query is a space', async t => {
  const [node] = await three(t)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  t.equal((await node.ask('/route', { method: 'POST', headers, body: 'key=a+b&val=c+d' })).status, 200)
  t.equal((await node.ask('/route?key=a%20b')).text, 'c d')
  t.equal((await node.ask('/route?key=a+b')).text, 'c d')
  t.equal((await node.ask('/route?key=a%2Bb')).status, 404)
})

t.test('values', async t => {
  const nodes = await three(t)
  for (const [name, value] of VALUES) {
    const key = `key of ${name}`
    t.equal(
      (
        await nodes[0].ask('/route', {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: `key=${percent(key)}&val=${percent(value)}`
        })
      ).status,
      200,
      name
    )
    for (const node of nodes) {
      t.ok((await node.ask(`/route?key=${percent(key)}`)).body.equals(value), `${name} /route`)
    }
    t.equal((await nodes[1].ask(`/kv/${percent(key)}-2`, { method: 'PUT', body: value })).status, 204, name)
    for (const node of nodes) {
      t.ok((await node.ask(`/kv/${percent(key)}-2`)).body.equals(value), `${name} /kv`)
    }
    t.equal(
      (
        await nodes[1].ask('/cache', {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: `key=local&val=${percent(value)}`
        })
      ).status,
      200,
      name
    )
    t.ok((await nodes[1].ask('/cache?key=local')).body.equals(value), `${name} /cache`)
  }
})

t.test('keys of one slot do not overwrite one another', async t => {
  const [node, other] = await three(t)
  // Both are in slot 2184, as "roof" is.
  const keys = ['roof', ...sameSlot()]
  for (const key of keys) await node.ask('/route', { method: 'POST', body: { key, val: `of ${key}` } })
  for (const key of keys) t.equal((await other.ask(`/route?key=${key}`)).text, `of ${key}`)
  await node.ask(`/route?key=${keys[1]}`, { method: 'DELETE' })
  t.equal((await other.ask('/route?key=roof')).text, 'of roof')
})

/** A few more keys in slot 2184, found by looking. */
function sameSlot(): string[] {
  const keys: string[] = []
  for (let i = 0; keys.length < 3; i++) if (slotOf(`key-${i}`) === 2184) keys.push(`key-${i}`)
  return keys
}
