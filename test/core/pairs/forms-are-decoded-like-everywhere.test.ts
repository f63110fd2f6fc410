// Well-formed forms mean what they mean to a browser; bytes that are no text stay bytes.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { fieldsOf, numberField, parseForm } from '../../../src/core/pairs/form.ts'
import { FIELDS_LIMIT } from '../../../src/core/messages/limits.ts'
import { texts } from '../../support/checker/arbitraries.ts'

const WRONG = /%(?![0-9a-f]{2})/i

function asUrlSearchParams(text: string): void {
  const reference = new URLSearchParams(text)
  const fields = fieldsOf(parseForm(text))
  assert.deepEqual(new Set(Object.keys(fields)), new Set(reference.keys()))
  for (const name of reference.keys()) {
    const values = reference.getAll(name)
    assert.deepEqual(fields[name], values.length === 1 ? values[0] : values)
  }
}

t.test('what a browser sends', async () => {
  const entries = fc.array(
    fc.tuple(fc.oneof(fc.constantFrom('key', 'val', '__proto__', 'constructor', ''), texts(5)), texts(20)),
    { maxLength: 6 }
  )
  fc.assert(
    fc.property(entries, entries => {
      asUrlSearchParams(new URLSearchParams(entries).toString())
    }),
    { numRuns: 1_000 }
  )
})

t.test('any text with well-formed escapes of ASCII', async () => {
  const tokens = fc.constantFrom(
    'a',
    'b',
    'é',
    '&',
    '=',
    '+',
    '%41',
    '%3d',
    '%26',
    '%2B',
    '%25',
    '%00',
    '%C3%A9'
  )
  fc.assert(
    fc.property(
      fc.array(tokens, { maxLength: 20 }).map(list => list.join('')),
      asUrlSearchParams
    ),
    { numRuns: 1_000 }
  )
})

t.test('bytes that are not UTF-8 stay bytes', async () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(bytes, bytes => {
      const whole = Buffer.from([0xff, ...bytes])
      const { val } = fieldsOf(parseForm(`key=k&val=${whole.toString('hex').replace(/../g, '%$&')}`))
      assert.deepEqual(val, whole)
    })
  )
  t.same(
    fieldsOf(parseForm('v=a+%ff%C3é')).v,
    Buffer.concat([Buffer.from('a '), Buffer.of(0xff, 0xc3), Buffer.from('é')])
  )
})

t.test(
  'random text is refused exactly where its escapes or its bytes are wrong, and never throws while ' +
    'it is parsed',
  async () => {
    const random = fc.oneof(
      texts(30),
      fc.string({ unit: fc.constantFrom('%', '4', 'f', 'g', '&', '=', '+', '\ufffd', '\ud800', 'é') })
    )
    fc.assert(
      fc.property(random, text => {
        const parsed = parseForm(text)
        if (WRONG.test(text) || text.includes('\ufffd')) {
          assert.throws(() => fieldsOf(parsed), { code: 'KV_ERR_MALFORMED' })
        } else fieldsOf(parsed)
      }),
      { numRuns: 2_000 }
    )
  }
)

t.test('more than once is a list', async t => {
  t.same(fieldsOf(parseForm('a=1&b=2&a=3&a')), { a: ['1', '3', ''], b: '2' })
  t.same(fieldsOf(parseForm('&&a=b=c&&')), { a: 'b=c' })
  t.same(fieldsOf(parseForm('')), {})
})

t.test('what is no form at all', async t => {
  for (const body of [undefined, null, 7, 'key=k', [], ['key']]) {
    t.throws(() => fieldsOf(body), { code: 'KV_ERR_MALFORMED' })
  }
  const json = { key: 'k', val: 7 }
  t.equal(fieldsOf(json), json, 'an object of JSON is taken as it is')
})

t.test('numbers are plain digits within bounds', async t => {
  const number = (field: Parameters<typeof numberField>[0]) => numberField(field, 1, 99, 'KV_ERR_TTL')
  t.equal(number(undefined), undefined)
  t.same(['1', '99', '007'].map(number), [1, 99, 7])
  for (const field of [
    '',
    '0',
    '100',
    '-1',
    '+1',
    '1.5',
    '1e1',
    ' 1',
    '0x1',
    '9'.repeat(30),
    ['1', '1'],
    Buffer.from('1')
  ]) {
    t.throws(() => number(field), { code: 'KV_ERR_TTL' }, String(field))
  }
})

t.test('long fields, whatever they hold', async () => {
  const tokens = fc.constantFrom('a', 'é', '€', '😀', '+', '%41', '%2B', '%25', '%C3%A9', '%f0%9f%98%80')
  const unit = fc.array(tokens, { minLength: 1, maxLength: 8 }).map(list => list.join(''))
  fc.assert(
    fc.property(unit, fc.nat(5), (unit, shift) =>
      asUrlSearchParams(`key=k&val=${'x'.repeat(shift)}${unit.repeat(1_000)}`)
    ),
    { numRuns: 200 }
  )
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), bytes => {
      const whole = Buffer.concat([...Array<Uint8Array>(500).fill(bytes), Buffer.of(0xff)])
      assert.deepEqual(fieldsOf(parseForm(`val=${whole.toString('hex').replace(/../g, '%$&')}`)).val, whole)
    })
  )
  for (const end of ['%', '%4', '%zz', '%4g', '%g4', '%é', '\ufffd']) {
    assert.throws(() => fieldsOf(parseForm(`val=${'%41'.repeat(1_000)}${end}`)), { code: 'KV_ERR_MALFORMED' })
  }
})

t.test('a form of too many parts ends where they are too many', async t => {
  const parts = (count: number) => Array.from({ length: count }, (_, i) => `f${i}=v`).join('&')
  t.equal(Object.keys(fieldsOf(parseForm(parts(FIELDS_LIMIT)))).length, FIELDS_LIMIT)
  t.equal(Object.keys(fieldsOf(parseForm(`${parts(FIELDS_LIMIT)}&`))).length, FIELDS_LIMIT)
  for (const text of [
    parts(FIELDS_LIMIT + 1),
    `${'&'.repeat(FIELDS_LIMIT)}a`,
    `key=k&val=v&${'x&'.repeat(100_000)}`
  ]) {
    const parsed = parseForm(text)
    t.throws(() => fieldsOf(parsed), { code: 'KV_ERR_MALFORMED' })
    t.ok(Object.keys(parsed).length <= FIELDS_LIMIT)
  }
})
