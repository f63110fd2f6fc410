// Most objects are short and without parts, and are read at once. Of any other one nothing is read, as it is
// to be read in steps.

import t from 'tap'
import { cursorOf, shortObjectAt } from '../../../src/core/messages/json-reader.ts'
import { FIELDS_LIMIT, PARSE_STEP_BYTES } from '../../../src/core/messages/limits.ts'

function read(text: string) {
  const cursor = cursorOf(Buffer.from(text))
  const object = shortObjectAt(cursor)
  return { object, left: text.slice(cursor.at) }
}

const fields = (count: number) => `{${Array.from({ length: count }, (_, i) => `"${i}":${i}`).join()}}`
const quotes = '{"a":"}{[,\\"}"}'

t.test('a short one', async t => {
  for (const text of ['{}', '{"a":1,"b":"x","c":null}', quotes, fields(FIELDS_LIMIT)]) {
    t.same(read(`${text},7`), { object: JSON.parse(text), left: ',7' }, text.slice(0, 40))
  }
  t.same(read(' {"a":1}').object, { a: 1 })
})

t.test('any other', async t => {
  for (const text of [
    '',
    '7}',
    '[{}]',
    '"}"',
    '{"a":{}}',
    '{"a":[]}',
    '{"a":1',
    '{"a":"}',
    fields(FIELDS_LIMIT + 1),
    `{"a":"${'x'.repeat(PARSE_STEP_BYTES)}"}`
  ]) {
    t.same(read(text), { object: undefined, left: text }, text.slice(0, 40))
  }
})

t.test('up to as many bytes as a step has', async t => {
  const of = (bytes: number) => `{"a":"${'x'.repeat(bytes - 8)}"}`
  t.equal(read(of(PARSE_STEP_BYTES)).left, '')
  t.equal(read(of(PARSE_STEP_BYTES + 1)).left.length, PARSE_STEP_BYTES + 1)
})
