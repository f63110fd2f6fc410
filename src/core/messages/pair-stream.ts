// Pairs on their way between nodes in bulk: one after the other, then an end that tells how many they were
// and whether their source remembers everything. A stream without its end is incomplete.
//
//   | 1 | slot 2 | length 2, key | length 4, record | ...      | 2 | pairs 6 | remembers 1 |

import { isUtf8 } from 'node:buffer'
import { KvError } from '../../errors.ts'
import { KEY_BYTES, SLOTS, VALUE_BYTES } from '../../limits.ts'
import { type Pair } from '../ports.ts'
import { decodeRecord, recordBytes, writeRecord } from '../pairs/record.ts'

const PAIR = 1
const END = 2
const HEAD_BYTES = 5
const END_BYTES = 8

/** No record is larger: value, key and content type at their limits, and the prefix. */
const RECORD_BYTES_LIMIT = VALUE_BYTES + KEY_BYTES + 1024

export interface StreamEnd {
  readonly pairs: number
  /** False: the source has itself forgotten what it held, and this is only what it got since. */
  readonly remembers: boolean
}

export function encodePairs(pairs: readonly Pair[]): Buffer {
  let bytes = 0
  for (const { key, record } of pairs) bytes += HEAD_BYTES + Buffer.byteLength(key) + 4 + recordBytes(record)
  const target = Buffer.allocUnsafe(bytes)
  let at = 0
  for (const { slot, key, record } of pairs) {
    at = target.writeUInt8(PAIR, at)
    at = target.writeUInt16BE(slot, at)
    const keyBytes = target.write(key, at + 2)
    at = target.writeUInt16BE(keyBytes, at) + keyBytes
    at = target.writeUInt32BE(recordBytes(record), at)
    at = writeRecord(target, at, record)
  }
  return target
}

export function encodeEnd(end: StreamEnd): Buffer {
  const target = Buffer.allocUnsafe(END_BYTES)
  target[0] = END
  target.writeUIntBE(end.pairs, 1, 6)
  target[7] = end.remembers ? 1 : 0
  return target
}

export interface PairDecoder {
  /**
   * The pairs that `chunk` completes. Throws `KV_ERR_FRAME` or `KV_ERR_RECORD` on bytes that are no such
   * stream.
   */
  push(chunk: Buffer): Pair[]
  /** Throws `KV_ERR_FRAME` if the stream had no end, or another number of pairs than its end tells. */
  finish(): StreamEnd
}

export function createPairDecoder(): PairDecoder {
  let rest: Buffer = Buffer.alloc(0)
  let pairs = 0
  let end: StreamEnd | undefined

  /** The pair at the start of `source` and the offset behind it; undefined while it is not complete. */
  function pairAt(source: Buffer, start: number): { pair: Pair; next: number } | undefined {
    if (source.length < start + HEAD_BYTES) return undefined
    const slot = source.readUInt16BE(start + 1)
    const keyBytes = source.readUInt16BE(start + 3)
    if (slot >= SLOTS || keyBytes === 0 || keyBytes > KEY_BYTES) {
      throw new KvError('KV_ERR_FRAME', 'impossible slot or key')
    }
    const recordAt = start + HEAD_BYTES + keyBytes + 4
    if (source.length < recordAt) return undefined
    const length = source.readUInt32BE(recordAt - 4)
    if (length > RECORD_BYTES_LIMIT) throw new KvError('KV_ERR_FRAME', 'impossible record')
    if (source.length < recordAt + length) return undefined
    const key = source.subarray(start + HEAD_BYTES, recordAt - 4)
    if (!isUtf8(key)) throw new KvError('KV_ERR_FRAME', 'a key that is not UTF-8')
    const pair = {
      slot,
      key: key.toString(),
      record: decodeRecord(source.subarray(recordAt, recordAt + length))
    }
    return { pair, next: recordAt + length }
  }

  return {
    push(chunk) {
      const source = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const complete: Pair[] = []
      let at = 0
      while (at < source.length && end === undefined) {
        if (source[at] === END) {
          if (source.length < at + END_BYTES) break
          end = { pairs: source.readUIntBE(at + 1, 6), remembers: source[at + 7] === 1 }
          at += END_BYTES
        } else if (source[at] === PAIR) {
          const found = pairAt(source, at)
          if (found === undefined) break
          complete.push(found.pair)
          at = found.next
        } else {
          throw new KvError('KV_ERR_FRAME', 'neither a pair nor an end')
        }
      }
      pairs += complete.length
      rest = source.subarray(at)
      if (end !== undefined && rest.length > 0) throw new KvError('KV_ERR_FRAME', 'bytes behind the end')
      return complete
    },
    finish() {
      if (end === undefined || end.pairs !== pairs) {
        throw new KvError('KV_ERR_FRAME', 'the stream of pairs is cut short')
      }
      return end
    }
  }
}
