// Whatever `JSON.parse` makes of a body that has the right shape, the reader makes of it too, however the
// body is written and however long it is. What `JSON.parse` does not take, the reader does not take either.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { cursorOf, inOneGo, type Steps } from '../../../src/core/messages/json-reader.ts'
import { readBatch, readFields, readPairs } from '../../../src/core/messages/json-shapes.ts'
import { KvError } from '../../../src/errors.ts'
import { FIELDS_LIMIT, JSON_SCALAR_BYTES, PARSE_STEP_BYTES } from '../../../src/core/messages/limits.ts'
import { texts } from '../../support/checker/arbitraries.ts'
import { almost, objects, writtenText } from '../../support/checker/json-text.ts'

const NAMES = fc.oneof(fc.constantFrom('op', 'key', 'value', 'ttl', '__proto__', 'constructor', ''), texts(5))
const LIMIT = 20

const plain = (object: object): object => Object.fromEntries(Object.entries(object))
const fieldsOf = (text: string | Buffer): object => plain(inOneGo(readFields(Buffer.from(text as string))))
const batchOf = (text: string | Buffer): object[] =>
  inOneGo(readBatch(Buffer.from(text as string), LIMIT, plain))
const pairsOf = (text: string): object =>
  Object.fromEntries(inOneGo(readPairs(Buffer.from(text), (_key, value) => value)))

const batches = fc
  .tuple(
    fc.array(objects(NAMES), { maxLength: 5 }),
    fc.constantFrom('', ' ', '\n\t'),
    fc.constantFrom('', '\ufeff')
  )
  .map(([operations, space, mark]) =>
    [mark, '{"operations"', ':', '[', `${operations.join(`${space},${space}`)}]}`, ''].join(space)
  )

const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isFlat = (value: unknown): boolean => isObject(value) && Object.values(value).every(isScalar)

/** What `JSON.parse` makes of it; undefined if that is not of the shape, or nothing. */
function parsed(text: string, isRight: (value: unknown) => boolean): any {
  try {
    const value = JSON.parse(text.replace(/^\ufeff/, ''))
    return isRight(value) ? value : undefined
  } catch {
    return undefined
  }
}

t.test('objects of fields, batches and pairs', async () => {
  fc.assert(
    fc.property(objects(NAMES), text => {
      assert.deepEqual(fieldsOf(text), plain(JSON.parse(text)))
      assert.deepEqual(pairsOf(text), plain(JSON.parse(text)))
    }),
    { numRuns: 2_000 }
  )
  fc.assert(
    fc.property(batches, text => {
      assert.deepEqual(batchOf(text), JSON.parse(text.replace(/^\ufeff/, '')).operations.map(plain))
    }),
    { numRuns: 1_000 }
  )
})

t.test('what is almost JSON is taken only where JSON.parse takes it, and for the same', async () => {
  fc.assert(
    fc.property(objects(NAMES).chain(almost), text => {
      const expected = parsed(text, isFlat)
      // An object in place of a value may be hidden by a later field of its name; the reader refuses it where
      // it meets it.
      if (expected === undefined || /[[{]/.test(text.slice(1))) {
        let read: object
        try {
          read = fieldsOf(text)
        } catch (error) {
          assert.match((error as { code: string }).code, /^KV_ERR_/)
          return
        }
        assert.deepEqual(read, plain(expected))
      } else {
        assert.deepEqual(fieldsOf(text), plain(expected))
      }
    }),
    { numRuns: 5_000 }
  )
  fc.assert(
    fc.property(batches.chain(almost), text => {
      let read: object[]
      try {
        read = batchOf(text)
      } catch (error) {
        assert.match((error as { code: string }).code, /^KV_ERR_/)
        return
      }
      assert.deepEqual(read, parsed(text, () => true).operations.map(plain))
    }),
    { numRuns: 5_000 }
  )
})

t.test('bytes that are not UTF-8 become what they become elsewhere', async () => {
  fc.assert(
    fc.property(
      fc
        .uint8Array({ maxLength: 12 })
        .filter(bytes => bytes.every(byte => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c)),
      bytes => {
        const body = Buffer.concat([Buffer.from('{"key":"'), bytes, Buffer.from('"}')])
        assert.deepEqual(fieldsOf(body), JSON.parse(body.toString()))
      }
    ),
    { numRuns: 2_000 }
  )
})

t.test('nor does a text of nothing else become anything else', async t => {
  for (const stray of [0x80, 0xbf, 0xff]) {
    const body = Buffer.concat([Buffer.from('{"'), Buffer.of(stray, stray), Buffer.from('":1}')])
    t.same([...inOneGo(readPairs(body, () => 1)).keys()], Object.keys(JSON.parse(body.toString())))
  }
})

t.test('the mark that some editors put first is passed over, and nothing but that', async t => {
  const mark = [0xef, 0xbb, 0xbf]
  t.equal(cursorOf(Buffer.from([...mark, 0x7b])).at, 3)
  for (const i of mark.keys()) {
    t.equal(
      cursorOf(Buffer.from(mark.map((byte, j) => (i === j ? 0x22 : byte)))).at,
      0,
      'one byte is another'
    )
    t.equal(cursorOf(Buffer.from(mark.map((byte, j) => (i === j ? byte : 0x22)))).at, 0, 'two are')
  }
})

t.test('texts that are longer than a step, wherever they are cut', async () => {
  const piece = fc
    .array(fc.oneof(texts(3), fc.constantFrom('😀', '€', 'é', '\ud83d', '"', '\\')), {
      minLength: 1,
      maxLength: 8
    })
    .map(list => list.join(''))
  fc.assert(
    fc.property(piece.chain(writtenText), fc.nat(40), fc.constantFrom(1, 3), (written, shift, steps) => {
      const inner = written.slice(1, -1)
      const long =
        'x'.repeat(shift) +
        inner.repeat(Math.ceil((steps * PARSE_STEP_BYTES) / Math.max(1, Buffer.byteLength(inner))))
      const text = `{"${long}":"${long}","key":"k"}`
      assert.deepEqual(fieldsOf(text), JSON.parse(text))
    }),
    { numRuns: 60 }
  )
  for (const stray of [0x80, 0xc3, 0xf0]) {
    const body = Buffer.concat([
      Buffer.from('{"key":"'),
      Buffer.alloc(2 * PARSE_STEP_BYTES + 5, stray),
      Buffer.from('"}')
    ])
    t.ok((fieldsOf(body) as { key: string }).key === JSON.parse(body.toString()).key)
  }
})

t.test('a space is no control character', async t => {
  const text = '{" a b ":" c d "}'
  t.same(pairsOf(text), JSON.parse(text))
  for (const byte of [0, 0x1f]) {
    t.throws(() => pairsOf(`{"a${String.fromCharCode(byte)}":1}`), {
      message: /a control character at byte 3$/
    })
  }
})

t.test('what has another shape', async t => {
  const refused = (read: (bytes: Buffer) => Steps<unknown>, text: string, code = 'KV_ERR_MALFORMED') =>
    t.throws(() => inOneGo(read(Buffer.from(text))), { code }, text.slice(0, 60))
  for (const text of [
    '',
    ' ',
    '[]',
    'null',
    '7',
    '"x"',
    '{',
    '{}x',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,}',
    '{"a":1 "b":2}',
    '{a:1}',
    '{"a":01}',
    '{"a":1e}',
    '{"a":tru}',
    '{"a":"\n"}',
    '{"a":"\\x"}',
    '{"a":"\\u00"}',
    '{"a":"',
    '{"a":"\\',
    '{"a":[]}',
    '{"a":{}}',
    '{"key":"k"}}'
  ]) {
    refused(readFields, text)
  }
  refused(readFields, '{"key":[]}', 'KV_ERR_KEY_MISSING')
  refused(readFields, '{"val":{}}', 'KV_ERR_VALUE_MISSING')
  refused(readFields, `{${Array.from({ length: FIELDS_LIMIT + 1 }, (_, i) => `"${i}":1`).join()}}`)
  const long = (count: number) =>
    `{${Array.from({ length: count }, (_, i) => `"${i}":"${'x'.repeat(PARSE_STEP_BYTES / 10)}"`).join()}}`
  t.same(fieldsOf(long(FIELDS_LIMIT)), JSON.parse(long(FIELDS_LIMIT)), 'as many as there may be')
  refused(readFields, long(FIELDS_LIMIT + 1))
  const read = (bytes: Buffer) => readBatch(bytes, LIMIT, plain)
  for (const text of [
    '{}',
    '[]',
    '{"operations":{}}',
    '{"operations":7}',
    '{"operations":[}',
    '{"operations":[],"x":1}',
    '{"x":[[]]}',
    '{"operations":[{"op":[]}]}',
    '{"operations":[{"op":{}}]}',
    '{"operations":[[]]}',
    '{"operations":[7]}',
    '{"operations":[]}]',
    `{"operations":[${Array(LIMIT + 1)
      .fill('{}')
      .join()}]}`
  ]) {
    refused(read, text)
  }
  for (const text of ['', '[]', '{', '{"a":1}x', '{"a":1}}', '{"a":[]}', '{"a":1,}']) {
    refused(bytes => readPairs(bytes, (_key, value) => value), text)
  }
  const number = (bytes: number) => `{"a":1.${'0'.repeat(bytes - 2)}}`
  t.same(pairsOf(number(JSON_SCALAR_BYTES)), { a: 1 }, 'the longest number')
  refused(bytes => readPairs(bytes, (_key, value) => value), number(JSON_SCALAR_BYTES + 1))
  t.same(inOneGo(read(Buffer.from('{"operations":[{"a":1}],"operations":[{"a":2}]}'))), [{ a: 2 }])
})

t.test('what is wrong is told with its place', async t => {
  const wrong = (text: string, message: RegExp) =>
    t.throws(() => inOneGo(readPairs(Buffer.from(text), () => 1)), { message }, text)
  wrong('', /it ends where an object was expected$/)
  wrong('[]', /an object was expected at byte 0$/)
  wrong('{"a" 1}', /a colon was expected at byte 5$/)
  wrong('{"a":1', /it ends where a comma or the end of an object was expected$/)
  wrong('{"a":"x', /it ends within a text$/)
})

t.test('what is wrong with an operation is told with its number', async t => {
  const read = (text: string, check: (fields: object) => unknown = plain) =>
    inOneGo(readBatch(Buffer.from(text), LIMIT, check))
  const message = /^operation 1: /
  t.throws(() => read('{"operations":[{},7]}'), { code: 'KV_ERR_MALFORMED', message })
  t.throws(() => read('{"operations":[{},{"op":[]}]}'), { code: 'KV_ERR_MALFORMED', message })
  const refuse = (fields: object) => {
    if ('x' in fields) throw new KvError('KV_ERR_TTL')
  }
  t.throws(() => read('{"operations":[{},{"x":1}]}', refuse), { code: 'KV_ERR_TTL', message })
  const defect = new Error('a defect')
  t.throws(
    () =>
      read('{"operations":[{}]}', () => {
        throw defect
      }),
    defect
  )
})
