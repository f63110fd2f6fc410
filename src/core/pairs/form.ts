// Forms and queries, `a=b&c=d`, decoded strictly: nothing that is malformed is repaired, and bytes that are
// no text stay bytes. The parser never throws, since it runs where nobody could catch: what is wrong is told
// when the fields are asked for.

import { isUtf8 } from 'node:buffer'
import { KvError } from '../../errors.ts'
import { FIELDS_LIMIT } from '../messages/limits.ts'

/** A field is text, or bytes where it is not UTF-8; a list where it was given more than once. */
export type Field = string | Buffer
export interface Fields {
  readonly [name: string]: Field | Field[] | undefined
}

const FAULT = Symbol('why the form is malformed')
type Parsed = Fields & { [FAULT]?: string }
type Writable = { [name: string]: Field | Field[] } & { [FAULT]?: string }

/** Longest text that the engine decodes; what is longer, decoded as bytes takes as long whatever it holds. */
const SHORT_CHARS = 1_024

const PERCENT = 0x25
const PLUS = 0x2b
const SPACE = 0x20

/** The value of each hexadecimal digit; `NO_DIGIT` for every other byte. */
const NO_DIGIT = 16
const DIGITS = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[0-9a-f]/i.test(String.fromCharCode(byte)) ? Number.parseInt(String.fromCharCode(byte), 16) : NO_DIGIT
)

/**
 * An object that inherits nothing; from a constructor, since objects of `Object.create(null)` are kept as
 * slow hash tables.
 */
export const Empty = function () {} as unknown as new () => Writable
Empty.prototype = Object.create(null)

/** Parses `application/x-www-form-urlencoded` text; `+` is a space. At too many parts it ends. */
export function parseForm(text: string): Parsed {
  const fields = new Empty()
  try {
    for (let start = 0, parts = 0; start < text.length;) {
      if (++parts > FIELDS_LIMIT) {
        throw new KvError('KV_ERR_MALFORMED', `a form or a query has up to ${FIELDS_LIMIT} fields`)
      }
      let end = text.indexOf('&', start)
      if (end === -1) end = text.length
      if (end > start) addField(fields, text.slice(start, end))
      start = end + 1
    }
  } catch (error) {
    fields[FAULT] = (error as Error).message
  }
  return fields
}

/** The fields of a parsed form or query, or of a JSON object. Throws `KV_ERR_MALFORMED`. */
export function fieldsOf(parsed: unknown): Fields {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new KvError('KV_ERR_MALFORMED', 'the body is neither a form nor a JSON object')
  }
  const fault = (parsed as Parsed)[FAULT]
  if (fault !== undefined) throw new KvError('KV_ERR_MALFORMED', fault)
  return parsed as Fields
}

function addField(fields: Writable, pair: string): void {
  const equals = pair.indexOf('=')
  const name = decode(equals === -1 ? pair : pair.slice(0, equals)).toString()
  const value = equals === -1 ? '' : decode(pair.slice(equals + 1))
  const present = fields[name]
  if (present === undefined) fields[name] = value
  else if (Array.isArray(present)) present.push(value)
  else fields[name] = [present, value]
}

function decode(text: string): Field {
  // Bytes that are not UTF-8 have become U+FFFD on their way here, so nobody can tell what they were.
  if (text.includes('\ufffd')) {
    throw new KvError('KV_ERR_MALFORMED', 'the form holds bytes that are not UTF-8; percent-encode them')
  }
  if (text.length > SHORT_CHARS) return decodeLong(text)
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return decodeBytes(Buffer.from(text))
  }
}

function decodeLong(text: string): Field {
  if (!text.includes('%') && !text.includes('+')) return text
  const bytes = decodeBytes(Buffer.from(text))
  return isUtf8(bytes) ? bytes.toString() : bytes
}

/**
 * Percent-decodes what may not be UTF-8. The result lies where the source was, as it is never ahead of it.
 */
function decodeBytes(source: Buffer): Buffer {
  let length = 0
  for (let i = 0; i < source.length; i++) {
    const byte = source[i] as number
    if (byte !== PERCENT) {
      source[length++] = byte === PLUS ? SPACE : byte
      continue
    }
    // Beyond the end there is no digit either.
    const high = DIGITS[source[++i] ?? 0] as number
    const low = DIGITS[source[++i] ?? 0] as number
    if (high === NO_DIGIT || low === NO_DIGIT) {
      throw new KvError('KV_ERR_MALFORMED', 'a % is not followed by two hexadecimal digits')
    }
    source[length++] = high * 16 + low
  }
  return source.subarray(0, length)
}

/**
 * A whole number from `min` to `max` in plain digits; undefined if there is none. Throws an error of the
 * given code.
 */
export function numberField(
  field: Field | Field[] | undefined,
  min: number,
  max: number,
  code: 'KV_ERR_TTL' | 'KV_ERR_QUORUM_SIZE' | 'KV_ERR_SLOTS'
): number | undefined {
  if (field === undefined) return undefined
  const number = typeof field === 'string' && /^[0-9]{1,9}$/.test(field) ? Number(field) : NaN
  if (!(number >= min && number <= max)) throw new KvError(code)
  return number
}
