// Forms and queries, `a=b&c=d`, decoded strictly: nothing that is malformed is repaired, and bytes that are no text stay
// bytes. The parser never throws, since it runs where nobody could catch: what is wrong is told when the fields are asked for.

import { KvError } from '../errors.ts'

/** A field is text, or bytes where it is not UTF-8; a list where it was given more than once. */
export type Field = string | Buffer
export interface Fields { readonly [name: string]: Field | Field[] | undefined }

const FAULT = Symbol('why the form is malformed')
type Parsed = Fields & { [FAULT]?: string }
type Writable = { [name: string]: Field | Field[] } & { [FAULT]?: string }

/** An object that inherits nothing; from a constructor, since objects of `Object.create(null)` are kept as slow hash tables. */
const Empty = function () {} as unknown as new () => Writable
Empty.prototype = Object.create(null)

/** Parses `application/x-www-form-urlencoded` text; `+` is a space. */
export function parseForm (text: string): Parsed {
  const fields = new Empty()
  try {
    for (let start = 0; start < text.length;) {
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
export function fieldsOf (parsed: unknown): Fields {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new KvError('KV_ERR_MALFORMED', 'the body is neither a form nor a JSON object')
  const fault = (parsed as Parsed)[FAULT]
  if (fault !== undefined) throw new KvError('KV_ERR_MALFORMED', fault)
  return parsed as Fields
}

function addField (fields: Writable, pair: string): void {
  const equals = pair.indexOf('=')
  const name = decode(equals === -1 ? pair : pair.slice(0, equals)).toString()
  const value = equals === -1 ? '' : decode(pair.slice(equals + 1))
  const present = fields[name]
  if (present === undefined) fields[name] = value
  else if (Array.isArray(present)) present.push(value)
  else fields[name] = [present, value]
}

function decode (text: string): Field {
  // Bytes that are not UTF-8 have become U+FFFD on their way here, so nobody can tell what they were.
  if (text.includes('\ufffd')) throw new KvError('KV_ERR_MALFORMED', 'the form holds bytes that are not UTF-8; percent-encode them')
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return decodeBytes(spaced)
  }
}

/** Percent-decodes to bytes, for what is well-formed but not UTF-8. */
function decodeBytes (text: string): Buffer {
  if (/%(?![0-9a-f]{2})/i.test(text)) throw new KvError('KV_ERR_MALFORMED', 'a % is not followed by two hexadecimal digits')
  const source = Buffer.from(text)
  const target = Buffer.allocUnsafe(source.length)
  let length = 0
  for (let i = 0; i < source.length; i++) {
    if (source[i] === 0x25) {
      target[length++] = Number.parseInt(source.toString('latin1', i + 1, i + 3), 16)
      i += 2
    } else {
      target[length++] = source[i] as number
    }
  }
  return target.subarray(0, length)
}

/** A whole number from `min` to `max` in plain digits; undefined if there is none. Throws an error of the given code. */
export function numberField (field: Field | Field[] | undefined, min: number, max: number, code: 'KV_ERR_TTL' | 'KV_ERR_QUORUM_SIZE' | 'KV_ERR_SLOTS'): number | undefined {
  if (field === undefined) return undefined
  const number = typeof field === 'string' && /^[0-9]{1,9}$/.test(field) ? Number(field) : NaN
  if (!(number >= min && number <= max)) throw new KvError(code)
  return number
}
