import fc from 'fast-check'
import t from 'tap'
import { type PairRecord } from '../../../src/core/pairs/record.ts'
import {
  decodeItem,
  encodeItem,
  pairName,
  slotOfName,
  spellsKey
} from '../../../src/storage/memcached/names.ts'

const record: PairRecord = {
  version: { timeMs: 5, counter: 6, writer: 7 },
  deleted: false,
  expiresAtMs: 0,
  contentType: '',
  value: Buffer.from('v')
}
const key = fc.oneof(
  fc.string({ minLength: 1, maxLength: 250 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }),
  fc.constantFrom(
    ' ',
    '\n',
    '%',
    '\r\nflush_all\r\n',
    'x'.repeat(240),
    'x'.repeat(241),
    'é'.repeat(512),
    'ring'
  )
)
const slot = fc.nat(9999)

t.test('a name fits, begins with its slot, and gives the key back', async t => {
  fc.assert(
    fc.property(slot, key, (slot, key) => {
      const name = pairName(slot, key)
      const item = decodeItem(name, encodeItem(name, key, record))
      return (
        /^\d{4}[:#][\x21-\x7e]{1,240}$/.test(name) &&
        slotOfName(name) === slot &&
        item.key === key &&
        decodeItem(name, encodeItem(name, key, record), key).key === key
      )
    })
  )
  t.pass()
})

t.test('only plain keys of up to 240 bytes are spelt', async t => {
  t.equal(pairName(7, 'apple'), '0007:apple')
  t.equal(pairName(70, 'a:b#c'), '0070:a:b#c')
  t.equal(pairName(700, 'x'.repeat(240)).length, 245)
  for (const key of ['x'.repeat(241), 'a b', 'é', '\x7f', 'a\n']) {
    t.notOk(spellsKey(pairName(7000, key)), JSON.stringify(key.slice(0, 10)))
  }
})

t.test('the item of another key is refused, however it came there', async t => {
  const [a, b] = [pairName(1, 'a b'), pairName(1, 'b a')]
  const refused = { code: 'KV_ERR_RECORD' }
  t.throws(() => decodeItem(b, encodeItem(a, 'a b', record)), refused)
  t.throws(() => decodeItem(b, encodeItem(a, 'a b', record), 'b a'), refused)
  t.throws(() => decodeItem(a, encodeItem('0001:x', 'x', record)), refused, 'no key in the record')
  t.throws(() => decodeItem('0001:x', encodeItem(a, 'a b', record)), refused, 'a key too many')
  t.throws(() => decodeItem('0001:x', Buffer.from('hello')), refused)
})
