// A proof of the token is good for one side of one hello: not for the other side, another name, another nonce
// or another token.

import t from 'tap'
import {
  isProof,
  NONCE_BYTES,
  parseIntroduction,
  proofOf,
  type Hello
} from '../../../src/core/messages/hello.ts'

const nonce = (digit: string) => digit.repeat(2 * NONCE_BYTES)
const HELLO: Hello = { from: 'a:1', to: 'b:1', asked: nonce('1'), answered: nonce('2') }

t.test('the same hello', async t => {
  for (const side of ['asks', 'answers'] as const) {
    t.ok(isProof(proofOf('secret', side, HELLO), proofOf('secret', side, { ...HELLO })))
  }
})

t.test('anything else', async t => {
  const wanted = proofOf('secret', 'answers', HELLO)
  t.notOk(isProof(proofOf('secret', 'asks', HELLO), wanted))
  t.notOk(isProof(proofOf('other', 'answers', HELLO), wanted))
  const others: Array<Partial<Hello>> = [
    { from: 'c:1' },
    { to: 'c:1' },
    { from: 'b:1', to: 'a:1' },
    { asked: nonce('3') },
    { answered: nonce('3') },
    { asked: HELLO.answered, answered: HELLO.asked }
  ]
  for (const other of others) {
    t.notOk(isProof(proofOf('secret', 'answers', { ...HELLO, ...other }), wanted), JSON.stringify(other))
  }
  for (const given of [
    undefined,
    null,
    7,
    '',
    wanted.slice(2),
    `${wanted}00`,
    wanted.toUpperCase(),
    ` ${wanted.slice(1)}`,
    [wanted],
    { wanted }
  ]) {
    t.notOk(isProof(given, wanted))
  }
})

t.test('who introduces itself', async t => {
  t.same(parseIntroduction({ node: 'b:1', nonce: nonce('a') }, 'node'), { node: 'b:1', nonce: nonce('a') })
  t.same(parseIntroduction({ from: 'a:1', nonce: nonce('a') }, 'from'), { node: 'a:1', nonce: nonce('a') })
  const bad = [
    undefined,
    null,
    7,
    'x',
    [],
    {},
    { node: 'b:1' },
    { nonce: nonce('a') },
    { node: 'b', nonce: nonce('a') },
    { node: 7, nonce: nonce('a') },
    { node: 'b:1', nonce: nonce('A') },
    { node: 'b:1', nonce: 'aa' },
    { node: 'b:1', nonce: 7 },
    { from: 'b:1', nonce: nonce('a') }
  ]
  for (const value of bad) t.equal(parseIntroduction(value, 'node'), undefined, JSON.stringify(value))
})
