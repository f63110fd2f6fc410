// The length of a value in JSON is known without the JSON.

import fc from 'fast-check'
import t from 'tap'
import { lengthAsJson } from '../../../src/core/messages/json-length.ts'

t.test('text', async t => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      text => lengthAsJson(Buffer.from(text), Infinity) === Buffer.byteLength(JSON.stringify(text)) - 2
    )
  )
  const all = String.fromCharCode(...Array(256).keys())
  t.equal(lengthAsJson(Buffer.from(all), Infinity), Buffer.byteLength(JSON.stringify(all)) - 2)
})

t.test('bytes that are no text', async t => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        const value = Buffer.concat([bytes, Buffer.from([0xff])])
        return lengthAsJson(value, Infinity) === value.toString('base64').length
      })
    )
  )
})

t.test('of what is longer than enough not all is looked at', async t => {
  t.equal(lengthAsJson(Buffer.alloc(1_000_000, 1), 10), 12)
})

t.test('what is just as long as enough is told from what is longer', async t => {
  t.equal(lengthAsJson(Buffer.from('abc'), 3), 3)
  t.equal(lengthAsJson(Buffer.from('abcd'), 3), 4)
})
