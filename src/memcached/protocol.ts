// A parser of Memcached's ASCII answers that takes chunks as they come and keeps at most one line or one value between
// them. A value is copied out of the chunks once, so a chunk may be used again as soon as it is parsed. Bytes that no Memcached sends, and
// a value under another name than the one asked for, throw `KV_ERR_STORAGE`: nothing later on that connection can be
// trusted then.
//
//   VALUE <name> <flags> <bytes> [<cas>]\r\n<bytes of value>\r\nEND\r\n     get, gets
//   END\r\n                                                                 get, gets: no such item
//   STAT <name> <value>\r\n ... END\r\n                                     stats
//   STORED\r\n and the other words                                          the rest

import { KvError } from '../errors.ts'
import { MEMCACHED_ITEM_BYTES, MEMCACHED_LINE_BYTES, MEMCACHED_STATS } from './limits.ts'

export interface ValueReply { readonly kind: 'value', readonly bytes: Buffer, readonly cas: string }
export interface StatsReply { readonly kind: 'stats', readonly stats: ReadonlyMap<string, string> }
export interface WordReply { readonly kind: 'miss' | 'stored' | 'not-stored' | 'exists' | 'not-found' | 'deleted' | 'full' }
export type Reply = ValueReply | StatsReply | WordReply

const FULL: WordReply = { kind: 'full' }
const WORDS = new Map<string, WordReply>([
  ['END', { kind: 'miss' }],
  ['STORED', { kind: 'stored' }],
  ['NOT_STORED', { kind: 'not-stored' }],
  ['EXISTS', { kind: 'exists' }],
  ['NOT_FOUND', { kind: 'not-found' }],
  ['DELETED', { kind: 'deleted' }],
  // Both leave the old value and the connection as they were, as the answer to `add` and `cas`.
  ['SERVER_ERROR out of memory storing object', FULL],
  ['SERVER_ERROR object too large for cache', FULL]
])

const LF = 10
const CR = 13
const SPACE = 32
const ZERO = 48
const VALUE = [...Buffer.from('VALUE ')]
const END = [...Buffer.from('END\r\n')]

/** What the parser knows between chunks. */
export interface Parser {
  /** The name that the oldest unanswered `get` asked for; empty: no value is due. */
  readonly expectedName: () => string
  readonly emit: (reply: Reply) => void
  /** A line whose end has not come yet. */
  partial: Buffer | undefined
  /** A value, with the line end behind it, that has not come whole yet. */
  body: Buffer | undefined
  bodyFilled: number
  cas: string
  /** A value that is whole and whose END is due. */
  value: ValueReply | undefined
  stats: Map<string, string> | undefined
}

export function createParser (expectedName: () => string, emit: (reply: Reply) => void): Parser {
  return {
    expectedName, emit, partial: undefined, body: undefined, bodyFilled: 0, cas: '', value: undefined, stats: undefined
  }
}

/** Emits each answer that the chunk completes. Throws `KV_ERR_STORAGE`; the parser is of no use afterwards. */
export function parse (parser: Parser, chunk: Buffer): void {
  let at = 0
  while (at < chunk.length) at = parser.body === undefined ? takeLine(parser, chunk, at) : fillBody(parser, parser.body, chunk, at)
}

function takeLine (parser: Parser, chunk: Buffer, at: number): number {
  const limit = Math.min(chunk.length, at + MEMCACHED_LINE_BYTES)
  let lf = at
  while (lf < limit && chunk[lf] !== LF) lf++
  const partial = parser.partial
  if (lf === limit) {
    // A copy, lest a few bytes keep the whole chunk alive.
    parser.partial = Buffer.concat([partial ?? chunk.subarray(0, 0), chunk.subarray(at, limit)])
    if (parser.partial.length >= MEMCACHED_LINE_BYTES) throw broken('a line without an end')
    return limit
  }
  let bodyBytes
  if (partial === undefined) {
    bodyBytes = readLine(parser, chunk, at, lf)
  } else {
    const line = Buffer.concat([partial, chunk.subarray(at, lf + 1)])
    parser.partial = undefined
    bodyBytes = readLine(parser, line, 0, line.length - 1)
  }
  return bodyBytes < 0 ? lf + 1 : startBody(parser, chunk, lf + 1, bodyBytes)
}

/** Reads the line that ends with the LF at `lf`. Returns how many bytes of value follow it, -1 for none. */
function readLine (parser: Parser, source: Buffer, at: number, lf: number): number {
  if (lf === at || source[lf - 1] !== CR) throw broken('a line that ends in another way')
  if (startsWith(source, at, VALUE)) return readValueLine(parser, source, at + VALUE.length, lf - 1)
  readWord(parser, source.toString('latin1', at, lf - 1))
  return -1
}

function readValueLine (parser: Parser, source: Buffer, at: number, end: number): number {
  if (parser.value !== undefined || parser.stats !== undefined) throw broken('a value inside another answer')
  const name = parser.expectedName()
  let matched = 0
  while (matched < name.length && source[at + matched] === name.charCodeAt(matched)) matched++
  const nameEnd = at + matched
  if (name === '' || matched < name.length || source[nameEnd] !== SPACE) throw broken('a value under a name that was not asked for')
  const flagsEnd = digitsEnd(source, nameEnd + 1, end, 10)
  const lengthEnd = digitsEnd(source, flagsEnd + 1, end, 8)
  if (source[flagsEnd] !== SPACE) throw broken('a malformed VALUE line')
  parser.cas = ''
  if (lengthEnd !== end) {
    if (source[lengthEnd] !== SPACE || digitsEnd(source, lengthEnd + 1, end, 20) !== end) throw broken('a malformed VALUE line')
    parser.cas = source.toString('latin1', lengthEnd + 1, end)
  }
  let bytes = 0
  for (let i = flagsEnd + 1; i < lengthEnd; i++) bytes = bytes * 10 + (source[i] as number) - ZERO
  if (bytes > MEMCACHED_ITEM_BYTES) throw broken('a value beyond any item')
  return bytes
}

/** The offset behind 1 to `most` decimal digits. */
function digitsEnd (source: Buffer, at: number, end: number, most: number): number {
  let i = at
  while (i < end && (source[i] as number) >= ZERO && (source[i] as number) <= ZERO + 9) i++
  if (i === at || i > at + most) throw broken('a malformed VALUE line')
  return i
}

function startBody (parser: Parser, chunk: Buffer, at: number, bytes: number): number {
  // The chunk is the connection's one buffer, and will be read into again.
  if (at + bytes + 2 <= chunk.length) return endBody(parser, chunk, at + bytes, Buffer.from(chunk.subarray(at, at + bytes)))
  parser.body = Buffer.allocUnsafe(bytes + 2)
  parser.bodyFilled = chunk.copy(parser.body, 0, at)
  return chunk.length
}

function fillBody (parser: Parser, body: Buffer, chunk: Buffer, at: number): number {
  const copied = chunk.copy(body, parser.bodyFilled, at)
  parser.bodyFilled += copied
  if (parser.bodyFilled === body.length) {
    parser.body = undefined
    endBody(parser, body, body.length - 2, body.subarray(0, body.length - 2))
  }
  return at + copied
}

/** Takes the value that ends at `end`, and the END behind it where that lies in the same buffer. Returns the offset behind. */
function endBody (parser: Parser, source: Buffer, end: number, bytes: Buffer): number {
  if (source[end] !== CR || source[end + 1] !== LF) throw broken('a value of another length than announced')
  const value: ValueReply = { kind: 'value', bytes, cas: parser.cas }
  if (startsWith(source, end + 2, END)) {
    parser.emit(value)
    return end + 2 + END.length
  }
  parser.value = value
  return end + 2
}

function readWord (parser: Parser, text: string): void {
  const { value, stats } = parser
  if (text.startsWith('STAT ') && value === undefined) return readStat(parser, text)
  if (value !== undefined || stats !== undefined) {
    if (text !== 'END') throw broken(text)
    parser.value = parser.stats = undefined
    return parser.emit(value ?? { kind: 'stats', stats: stats as Map<string, string> })
  }
  const word = WORDS.get(text)
  if (word === undefined) throw broken(text)
  parser.emit(word)
}

function readStat (parser: Parser, text: string): void {
  parser.stats ??= new Map()
  const nameEnd = text.indexOf(' ', 5)
  if (nameEnd < 0 || parser.stats.size === MEMCACHED_STATS) throw broken(text)
  parser.stats.set(text.slice(5, nameEnd), text.slice(nameEnd + 1))
}

function startsWith (source: Buffer, at: number, bytes: readonly number[]): boolean {
  for (let i = 0; i < bytes.length; i++) if (source[at + i] !== bytes[i]) return false
  return true
}

/** The error for an answer that cannot be trusted. */
export function broken (what: string): KvError {
  return new KvError('KV_ERR_STORAGE', `memcached sent what was not expected: ${JSON.stringify(what.slice(0, 100))}`)
}
