// Reads what `lru_crawler metadump hash` prints and hands on the names of pairs. The fields of a line vary
// with the version of Memcached, so all but the first are looked for by name:
//
//   key=0042%3Aapple exp=-1 la=1795338880 cas=4 fetch=yes cls=1 size=69\n   ...   END\r\n

import { DUMP_CHUNK_BYTES, MEMCACHED_LINE_BYTES, MEMCACHED_NAME_BYTES } from './limits.ts'
import { type Collector } from './name-blocks.ts'
import { broken } from './protocol.ts'

/** Walks the hash table, so that it misses nothing; the walk over the lists of recent use, `all`, does. */
export const METADUMP = 'lru_crawler metadump hash\r\n'

const LF = 10
const CR = 13
const SPACE = 32
const PERCENT = 37
const COLON = 58
const NUMBER_SIGN = 35
const KEY = [...Buffer.from('key=')]
const SIZE = [...Buffer.from(' size=')]

/**
 * What has been read so far: `more` is to come, it is at its `end`, or Memcached was `busy` with another
 * dump.
 */
export type DumpProgress = 'more' | 'end' | 'busy'

/**
 * A reader of one dump. It takes chunks until it answers something else than `more`, and throws
 * `KV_ERR_STORAGE` at what is no dump.
 */
export function createDumpReader(collector: Collector): (chunk: Buffer) => DumpProgress {
  const name = new Uint8Array(MEMCACHED_NAME_BYTES)
  // Every chunk is copied behind what the last one left over: a dump is long, and a buffer for each chunk
  // would be much garbage.
  let work = Buffer.allocUnsafe(DUMP_CHUNK_BYTES + MEMCACHED_LINE_BYTES)
  let rest = 0

  function readLine(source: Buffer, at: number, end: number): DumpProgress {
    if (!startsWith(source, at, KEY)) return readWord(source.toString('latin1', at, end))
    const nameEnd = source.indexOf(SPACE, at)
    const length = decodeName(source, at + KEY.length, nameEnd < 0 || nameEnd > end ? end : nameEnd, name)
    const slot = slotOf(name, length)
    if (slot >= 0) collector.add(slot, name, length, sizeField(source, at, end))
    return 'more'
  }

  return chunk => {
    if (rest + chunk.length > work.length) work = Buffer.concat([work], rest + chunk.length)
    chunk.copy(work, rest)
    const source = work.subarray(0, rest + chunk.length)
    let at = 0
    for (let lf = source.indexOf(LF); lf >= 0; lf = source.indexOf(LF, at)) {
      const progress = readLine(source, at, lf > at && source[lf - 1] === CR ? lf - 1 : lf)
      if (progress !== 'more') return progress
      at = lf + 1
    }
    if (source.length - at > MEMCACHED_LINE_BYTES) throw broken('a line without an end')
    rest = source.copy(work, 0, at)
    return 'more'
  }
}

function readWord(text: string): DumpProgress {
  if (text === 'END') return 'end'
  if (text === 'OK') return 'more'
  if (text.startsWith('BUSY') || text.startsWith('ERROR locked')) return 'busy'
  throw broken(text)
}

/** Undoes `%XX` into `target` and returns the number of bytes. */
function decodeName(source: Buffer, at: number, end: number, target: Uint8Array): number {
  let length = 0
  while (at < end) {
    if (length === target.length) throw broken('a name beyond any item')
    let byte = source[at++] as number
    if (byte === PERCENT) {
      byte = at + 2 <= end ? hexDigit(source[at]) * 16 + hexDigit(source[at + 1]) : NaN
      if (Number.isNaN(byte)) throw broken('a malformed name')
      at += 2
    }
    target[length++] = byte
  }
  return length
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return NaN
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = (byte | 32) - 97
  return letter >= 0 && letter < 6 ? letter + 10 : NaN
}

/** The slot of a pair's name; -1: the item is no pair. */
function slotOf(name: Uint8Array, length: number): number {
  if (length < 6 || (name[4] !== COLON && name[4] !== NUMBER_SIGN)) return -1
  let slot = 0
  for (let i = 0; i < 4; i++) {
    const digit = (name[i] as number) - 48
    if (digit < 0 || digit > 9) return -1
    slot = slot * 10 + digit
  }
  return slot
}

/** The item's size in bytes, with Memcached's own header; 0 where it is not told. */
function sizeField(source: Buffer, at: number, end: number): number {
  for (let i = end - SIZE.length; i > at; i--) {
    if (source[i] !== SPACE || !startsWith(source, i, SIZE)) continue
    let size = 0
    for (let j = i + SIZE.length; j < end && source[j] !== SPACE; j++) {
      size = size * 10 + (source[j] as number) - 48
    }
    return size
  }
  return 0
}

function startsWith(source: Buffer, at: number, bytes: readonly number[]): boolean {
  for (let i = 0; i < bytes.length; i++) if (source[at + i] !== bytes[i]) return false
  return true
}
