// Reads JSON of a known shape byte by byte: what does not belong there is refused where it is met, before
// anything is made of it, and a long body is read in steps, between which others have their turn. What is
// read is what `JSON.parse` would make of it.

import { KvError } from '../../errors.ts'
import { FIELDS_LIMIT, JSON_SCALAR_BYTES, PARSE_STEP_BYTES } from './limits.ts'

/** A value without parts; undefined: a list or an object, of which nothing has been read. */
export type Scalar = string | number | boolean | null | undefined

/** A reading in steps: it yields after each, and returns what it has read. */
export type Steps<T> = Generator<void, T, void>

/** Takes a field. For a list or an object it throws, or returns how to read it. */
export type OnField = (name: string, value: Scalar) => Steps<void> | void

export interface Cursor {
  readonly bytes: Buffer
  at: number
  /** The step is over when the cursor is there. */
  stepEnd: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const SMALL_U = 0x75
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const END = -1

/** What ends a number, `true`, `false` or `null`. */
const DELIMITERS = new Set([QUOTE, COMMA, COLON, CLOSE_LIST, CLOSE_OBJECT, 0x20, 0x09, 0x0a, 0x0d, END])

/** At the beginning, or after the mark that some editors put there. */
export function cursorOf(bytes: Buffer): Cursor {
  const at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  return { bytes, at, stepEnd: PARSE_STEP_BYTES }
}

/** Takes all steps at once. */
export function inOneGo<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** Reads an object and hands on its fields, also those that have the name of an earlier one. */
export function* readObject(cursor: Cursor, onField: OnField): Steps<void> {
  expect(cursor, OPEN_OBJECT, 'an object')
  if (take(cursor, CLOSE_OBJECT)) return
  do {
    if (next(cursor) !== QUOTE) throw unexpected(cursor, 'a name')
    const name = textAt(cursor) ?? (yield* readLongText(cursor))
    expect(cursor, COLON, 'a colon')
    let value = scalarAt(cursor)
    if (value === undefined && next(cursor) === QUOTE) value = yield* readLongText(cursor)
    const reading = onField(name, value)
    if (value === undefined) {
      if (reading === undefined) throw unexpected(cursor, 'a value without parts')
      yield* reading
    }
    if (isStepOver(cursor)) yield
  } while (take(cursor, COMMA))
  expect(cursor, CLOSE_OBJECT, 'a comma or the end of an object')
}

/**
 * The object that comes next, if its fields have no parts, are not too many and end within a step: most do,
 * and `JSON.parse` is the fastest to read it. Undefined, and nothing is read, if it may be another.
 */
export function shortObjectAt(cursor: Cursor): { [name: string]: Scalar } | undefined {
  const { bytes } = cursor
  if (next(cursor) !== OPEN_OBJECT) return undefined
  const start = cursor.at
  const last = Math.min(bytes.length, start + PARSE_STEP_BYTES)
  let commas = 0
  for (let at = start + 1; at < last; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      while (++at < last && bytes[at] !== QUOTE) if (bytes[at] === BACKSLASH) at++
    } else if (byte === CLOSE_OBJECT) {
      cursor.at = at + 1
      return parse(bytes.toString('utf8', start, at + 1)) as { [name: string]: Scalar }
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST || (byte === COMMA && ++commas === FIELDS_LIMIT)) {
      return undefined
    }
  }
  return undefined
}

/** Reads a list; `readItem` reads the next of its items, or says how to read it. */
export function* readList(cursor: Cursor, readItem: (index: number) => Steps<void> | void): Steps<void> {
  expect(cursor, OPEN_LIST, 'a list')
  if (take(cursor, CLOSE_LIST)) return
  let index = 0
  do {
    const reading = readItem(index++)
    if (reading !== undefined) yield* reading
    if (isStepOver(cursor)) yield
  } while (take(cursor, COMMA))
  expect(cursor, CLOSE_LIST, 'a comma or the end of a list')
}

export const isObjectNext = (cursor: Cursor): boolean => next(cursor) === OPEN_OBJECT
export const isListNext = (cursor: Cursor): boolean => next(cursor) === OPEN_LIST

/** Throws unless nothing but white space is left. */
export function expectEnd(cursor: Cursor): void {
  if (next(cursor) !== END) throw unexpected(cursor, 'the end')
}

function isStepOver(cursor: Cursor): boolean {
  if (cursor.at < cursor.stepEnd) return false
  cursor.stepEnd = cursor.at + PARSE_STEP_BYTES
  return true
}

/**
 * The next byte that is no white space, or `END`; the cursor is at it. A megabyte of white space takes a
 * millisecond or two.
 */
function next(cursor: Cursor): number {
  const { bytes } = cursor
  let { at } = cursor
  while (at < bytes.length && isSpace(bytes[at] as number)) at++
  cursor.at = at
  return bytes[at] ?? END
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function take(cursor: Cursor, byte: number): boolean {
  if (next(cursor) !== byte) return false
  cursor.at++
  return true
}

function expect(cursor: Cursor, byte: number, what: string): void {
  if (!take(cursor, byte)) throw unexpected(cursor, what)
}

/**
 * The value that comes next; undefined, and nothing is read, if it has parts or is a text that is longer than
 * a step.
 */
function scalarAt(cursor: Cursor): Scalar {
  const { bytes } = cursor
  const first = next(cursor)
  if (first === QUOTE) return textAt(cursor)
  if (first === OPEN_OBJECT || first === OPEN_LIST) return undefined
  const start = cursor.at
  let end = start
  while (end - start <= JSON_SCALAR_BYTES && !DELIMITERS.has(bytes[end] ?? END)) end++
  if (end === start || end - start > JSON_SCALAR_BYTES) throw unexpected(cursor, 'a value')
  cursor.at = end
  return parse(bytes.toString('latin1', start, end)) as Scalar
}

/** The text that comes next; undefined, and nothing is read, if it is longer than a step. */
function textAt(cursor: Cursor): string | undefined {
  const { bytes } = cursor
  const start = cursor.at
  const last = Math.min(bytes.length, start + PARSE_STEP_BYTES)
  let isPlain = true
  let bits = 0
  for (let at = start + 1; at < last; at++) {
    const byte = bytes[at] as number
    if (byte === QUOTE) {
      cursor.at = at + 1
      if (!isPlain) return parse(bytes.toString('utf8', start, at + 1)) as string
      return bytes.toString(bits < 0x80 ? 'latin1' : 'utf8', start + 1, at)
    }
    if (byte < 0x20) throw malformed(`a control character at byte ${at}`)
    bits |= byte
    if (byte === BACKSLASH) {
      isPlain = false
      at++
    }
  }
  if (last === bytes.length) throw malformed('it ends within a text')
  return undefined
}

/** A text of any length, piece by piece. */
function* readLongText(cursor: Cursor): Steps<string> {
  const { bytes } = cursor
  const pieces: string[] = []
  let start = cursor.at + 1
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] as number
    const isEnd = byte === QUOTE
    if (isEnd || isCut(at - start, byte)) {
      pieces.push(parse(`"${bytes.toString('utf8', start, at)}"`) as string)
      cursor.at = start = at
      if (isEnd) {
        cursor.at++
        return pieces.join('')
      }
      if (isStepOver(cursor)) yield
    }
    if (byte === BACKSLASH) at += bytes[at + 1] === SMALL_U ? 5 : 1
  }
  throw malformed('it ends within a text')
}

/**
 * True if a piece may end before this byte: where a character begins, or after more bytes than a character
 * has. The halves of a surrogate pair, each of which is an escape of its own, meet again in the whole.
 */
function isCut(length: number, byte: number): boolean {
  return length >= PARSE_STEP_BYTES && ((byte & 0xc0) !== 0x80 || length >= PARSE_STEP_BYTES + 4)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed(`${text.slice(0, 20)} is none`)
  }
}

function unexpected({ bytes, at }: Cursor, wanted: string): KvError {
  return malformed(
    at < bytes.length ? `${wanted} was expected at byte ${at}` : `it ends where ${wanted} was expected`
  )
}

function malformed(why: string): KvError {
  return new KvError('KV_ERR_MALFORMED', `the body is not the JSON that it has to be: ${why}`)
}
