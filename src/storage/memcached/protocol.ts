// A parser of Memcached's ASCII answers that takes chunks as they come and keeps at most one line or one
// value between them. A value is copied out of the chunks once, so a chunk may be used again as soon as it is
// parsed. Bytes that no Memcached sends, and a value under another name than the one asked for, throw
// `KV_ERR_STORAGE`: nothing later on that connection can be trusted then.
//
//   VA <bytes> k<name> [c<cas>]\r\n<bytes of value>\r\n     mg
//   EN [k<name>]\r\n                                        mg: no such item; older ones leave out the name
//   STAT <name> <value>\r\n ... END\r\n                     stats
//   HD\r\n, EX\r\n, NF\r\n                                  md: deleted; another one is there; nothing is
//   STORED\r\n and the other words                          the rest

import { KvError } from '../../errors.ts'
import { MEMCACHED_ITEM_BYTES, MEMCACHED_LINE_BYTES, MEMCACHED_STATS } from './limits.ts'

export interface ValueReply {
  readonly kind: 'value'
  readonly bytes: Buffer
  readonly cas: string
}
export interface StatsReply {
  readonly kind: 'stats'
  readonly stats: ReadonlyMap<string, string>
}
export interface WordReply {
  readonly kind: 'miss' | 'stored' | 'not-stored' | 'exists' | 'not-found' | 'deleted' | 'full'
}
export type Reply = ValueReply | StatsReply | WordReply

const FULL: WordReply = { kind: 'full' }
const MISS: WordReply = { kind: 'miss' }
const WORDS = new Map<string, WordReply>([
  ['EN', MISS],
  ['STORED', { kind: 'stored' }],
  ['NOT_STORED', { kind: 'not-stored' }],
  ['EXISTS', { kind: 'exists' }],
  ['NOT_FOUND', { kind: 'not-found' }],
  ['DELETED', { kind: 'deleted' }],
  ['HD', { kind: 'deleted' }],
  ['EX', { kind: 'exists' }],
  ['NF', { kind: 'not-found' }],
  // Both leave the old value and the connection as they were, as the answer to `add` and `cas`.
  ['SERVER_ERROR out of memory storing object', FULL],
  ['SERVER_ERROR object too large for cache', FULL]
])

const LF = 10
const CR = 13
const ZERO = 48
const VALUE = [...Buffer.from('VA ')]
const NAME = [...Buffer.from(' k')]
const CAS = [...Buffer.from(' c')]

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
  stats: Map<string, string> | undefined
}

export function createParser(expectedName: () => string, emit: (reply: Reply) => void): Parser {
  return { expectedName, emit, partial: undefined, body: undefined, bodyFilled: 0, cas: '', stats: undefined }
}

/**
 * Emits each answer that the chunk completes. Throws `KV_ERR_STORAGE`; the parser is of no use afterwards.
 */
export function parse(parser: Parser, chunk: Buffer): void {
  let at = 0
  while (at < chunk.length) {
    at = parser.body === undefined ? takeLine(parser, chunk, at) : fillBody(parser, parser.body, chunk, at)
  }
}

function takeLine(parser: Parser, chunk: Buffer, at: number): number {
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
function readLine(parser: Parser, source: Buffer, at: number, lf: number): number {
  if (lf === at || source[lf - 1] !== CR) throw broken('a line that ends in another way')
  if (startsWith(source, at, VALUE)) return readValueLine(parser, source, at + VALUE.length, lf - 1)
  readWord(parser, source.toString('latin1', at, lf - 1))
  return -1
}

function readValueLine(parser: Parser, source: Buffer, at: number, end: number): number {
  if (parser.stats !== undefined) throw broken('a value inside another answer')
  const lengthEnd = digitsEnd(source, at, end, 8)
  if (!startsWith(source, lengthEnd, NAME)) throw broken('a malformed VA line')
  const nameEnd = endOfName(parser.expectedName(), source, lengthEnd + NAME.length)
  parser.cas = ''
  if (nameEnd !== end) {
    const casAt = nameEnd + CAS.length
    if (!startsWith(source, nameEnd, CAS) || digitsEnd(source, casAt, end, 20) !== end) {
      throw broken('a malformed VA line')
    }
    parser.cas = source.toString('latin1', casAt, end)
  }
  let bytes = 0
  for (let i = at; i < lengthEnd; i++) bytes = bytes * 10 + (source[i] as number) - ZERO
  if (bytes > MEMCACHED_ITEM_BYTES) throw broken('a value beyond any item')
  return bytes
}

/**
 * The offset behind the name, if it is the one that is expected. What follows it tells whether it ends there.
 */
function endOfName(name: string, source: Buffer, at: number): number {
  let matched = 0
  while (matched < name.length && source[at + matched] === name.charCodeAt(matched)) matched++
  if (name === '' || matched < name.length) throw broken('a value under a name that was not asked for')
  return at + matched
}

/** The offset behind 1 to `most` decimal digits. */
function digitsEnd(source: Buffer, at: number, end: number, most: number): number {
  let i = at
  while (i < end && (source[i] as number) >= ZERO && (source[i] as number) <= ZERO + 9) i++
  if (i === at || i > at + most) throw broken('a malformed VA line')
  return i
}

function startBody(parser: Parser, chunk: Buffer, at: number, bytes: number): number {
  // The chunk is the connection's one buffer, and will be read into again.
  if (at + bytes + 2 <= chunk.length) {
    return endBody(parser, chunk, at + bytes, Buffer.from(chunk.subarray(at, at + bytes)))
  }
  parser.body = Buffer.allocUnsafe(bytes + 2)
  parser.bodyFilled = chunk.copy(parser.body, 0, at)
  return chunk.length
}

function fillBody(parser: Parser, body: Buffer, chunk: Buffer, at: number): number {
  const copied = chunk.copy(body, parser.bodyFilled, at)
  parser.bodyFilled += copied
  if (parser.bodyFilled === body.length) {
    parser.body = undefined
    endBody(parser, body, body.length - 2, body.subarray(0, body.length - 2))
  }
  return at + copied
}

/** Takes the value that ends at `end`. Returns the offset behind the line end that follows it. */
function endBody(parser: Parser, source: Buffer, end: number, bytes: Buffer): number {
  if (source[end] !== CR || source[end + 1] !== LF) throw broken('a value of another length than announced')
  parser.emit({ kind: 'value', bytes, cas: parser.cas })
  return end + 2
}

function readWord(parser: Parser, text: string): void {
  const { stats } = parser
  if (text.startsWith('STAT ')) return readStat(parser, text)
  if (stats !== undefined) {
    if (text !== 'END') throw broken(text)
    parser.stats = undefined
    return parser.emit({ kind: 'stats', stats })
  }
  const word = text.startsWith('EN k') && text.slice(4) === parser.expectedName() ? MISS : WORDS.get(text)
  if (word === undefined) throw broken(text)
  parser.emit(word)
}

function readStat(parser: Parser, text: string): void {
  parser.stats ??= new Map()
  const nameEnd = text.indexOf(' ', 5)
  if (nameEnd < 0 || parser.stats.size === MEMCACHED_STATS) throw broken(text)
  parser.stats.set(text.slice(5, nameEnd), text.slice(nameEnd + 1))
}

function startsWith(source: Buffer, at: number, bytes: readonly number[]): boolean {
  for (let i = 0; i < bytes.length; i++) if (source[at + i] !== bytes[i]) return false
  return true
}

/** The error for an answer that cannot be trusted. */
export function broken(what: string): KvError {
  return new KvError(
    'KV_ERR_STORAGE',
    `memcached sent what was not expected: ${JSON.stringify(what.slice(0, 100))}`
  )
}
