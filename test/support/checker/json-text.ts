// The same JSON in all the ways in which it may be written: white space, escapes, fields given twice.

import fc from 'fast-check'
import { texts } from './arbitraries.ts'

const SPACES = fc.constantFrom('', '', '', ' ', '\n', '\t\r\n  ')

const SHORT_ESCAPES: { readonly [char: string]: string } = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
  '/': '\\/'
}

const unicodeEscape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

/** A text as JSON; each character as it is where that may be, or with an escape. */
export const writtenText = (text: string): fc.Arbitrary<string> =>
  fc.infiniteStream(fc.nat(3)).map(choices => {
    let written = ''
    for (const char of text) {
      const choice = choices.next().value
      if (choice === 0 || !char.isWellFormed()) written += char.split('').map(unicodeEscape).join('')
      else if (choice === 1 || JSON.stringify(char) !== `"${char}"`) {
        written += SHORT_ESCAPES[char] ?? char.split('').map(unicodeEscape).join('')
      } else written += char
    }
    return `"${written}"`
  })

const numbers = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom('0', '-0', '1e3', '1E+2', '2.50', '-1.5e-3')
)
const units = fc.oneof(
  texts(12),
  fc.constantFrom('\ud800', '\udc00a', '', 'op', '😀', '"\\/\b\f\n\r\t', '\u2028')
)

/** Values without parts. */
export const scalars: fc.Arbitrary<string> = fc.oneof(
  units.chain(writtenText),
  numbers,
  fc.constantFrom('true', 'false', 'null')
)

/** Objects of some fields, of which some have the same name. */
export const objects = (names: fc.Arbitrary<string>, maxLength = 6): fc.Arbitrary<string> =>
  fc
    .array(fc.tuple(names.chain(writtenText), scalars, SPACES, SPACES, SPACES), { maxLength })
    .map(
      fields => `{${fields.map(([name, value, a, b, c]) => `${a}${name}${b}:${c}${value}${a}`).join(',')}}`
    )

/** A text with a few of its characters left out, put in or changed; it is still one that bytes can be. */
export const almost = (text: string): fc.Arbitrary<string> =>
  fc
    .array(
      fc.tuple(
        fc.nat(),
        fc.constantFrom('', '"', '\\', '{', '}', '[', ']', ',', ':', 'x', '0', ' ', '\u0001', '\ufeff'),
        fc.nat(1)
      ),
      { minLength: 1, maxLength: 2 }
    )
    .map(changes =>
      changes
        .reduce((changed, [at, put, cut]) => {
          const i = at % (changed.length + 1)
          return changed.slice(0, i) + put + changed.slice(i + cut)
        }, text)
        .toWellFormed()
    )
