// What may be a key, whichever way it reached the node.

import fc from 'fast-check'
import t from 'tap'
import { checkKey } from '../../../src/core/pairs/key.ts'

t.test('by its bytes, not by its characters', async t => {
  for (const key of ['a', '\0', ' ', 'x'.repeat(1024), 'é'.repeat(512), '€'.repeat(341), '😀'.repeat(256)]) {
    t.equal(checkKey(key), key)
  }
  for (const key of [
    '',
    'x'.repeat(1025),
    `${'é'.repeat(512)}x`,
    `${'€'.repeat(341)}xx`,
    `${'😀'.repeat(256)}x`
  ]) {
    t.throws(() => checkKey(key), { code: 'KV_ERR_KEY_LENGTH' }, `${key.length} characters`)
  }
})

t.test('any text', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 300, maxLength: 1_200 }), key => {
      const length = Buffer.byteLength(key)
      try {
        return checkKey(key) === key && length <= 1024
      } catch {
        return length > 1024
      }
    })
  )
})

t.test('no text', async t => {
  for (const key of [undefined, null, 7, {}, ['a', 'b']]) {
    t.throws(() => checkKey(key), { code: 'KV_ERR_KEY_MISSING' })
  }
  for (const key of [Buffer.from([0xff]), '\ud800', 'a\udc00b']) {
    t.throws(() => checkKey(key), { code: 'KV_ERR_KEY_ENCODING' })
  }
})
