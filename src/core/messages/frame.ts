// The frames between nodes: many operations one way, an answer for each the other way. Records travel as the
// bytes that storage holds. Every frame tells its sender's ring, so that either side can fence the other.
//
//   request | format | flags | generation 6 | epoch 4 | digest 8 | [ring] | count 2 | operation ... |
//   reply   | format | verdict, flags | [clock 6]                | [ring] | count 2 | answer ...    |
//
// A ring is its length, 4 bytes, and its JSON.

import { KvError } from '../../errors.ts'
import { KEY_BYTES, SLOTS } from '../../limits.ts'
import {
  FENCED,
  failed,
  MISS,
  STORED,
  type FailureReason,
  type Fenced,
  type GetResult,
  type MergeResult
} from '../ports.ts'
import { decodeRecord, recordBytes, writeRecord, type PairRecord } from '../pairs/record.ts'
import { DIGEST_BYTES } from '../ring/digest.ts'
import { type RingId } from '../ring/ring.ts'
import { readVersion, VERSION_BYTES, writeVersion } from '../pairs/version.ts'
import { createCursor, FORMAT } from './frame-cursor.ts'

/** One operation on one replica: a merge if there is a record, else a get. */
export interface Operation {
  readonly slot: number
  readonly key: string
  readonly record: PairRecord | undefined
}

export interface FrameRequest {
  readonly ring: RingId
  /** The digest of that ring. */
  readonly digest: string
  /** The sender's ring itself, sent to a node that said it was behind. */
  readonly ringJson: string | undefined
  readonly operations: readonly Operation[]
}

/**
 * `served`: an answer to each operation. `behind`: the receiver needs the sender's ring first. `ahead`: the
 * receiver's ring is newer, here it is. `foreign`: the receiver belongs to another cluster. `split`: the
 * receiver's ring, here it is, has the same number and other content.
 */
export type Verdict = 'served' | 'behind' | 'ahead' | 'foreign' | 'split'

/** Not carried out: the reply is full. The sender may ask again. */
export interface NoRoom {
  readonly kind: 'no-room'
}

export const NO_ROOM: NoRoom = { kind: 'no-room' }

export type Answer = GetResult | MergeResult | Fenced | NoRoom

export interface FrameReply {
  readonly verdict: Verdict
  readonly ringJson: string | undefined
  /** The receiver's wall time, milliseconds since 1970, if it was greeted. */
  readonly clockMs: number | undefined
  readonly answers: readonly Answer[]
}
const HAS_RING = 1
const HAS_CLOCK = 2
const FLAG_BITS = 2
/** Format, flags, generation, epoch, digest and count. */
const REQUEST_HEAD_BYTES = 14 + DIGEST_BYTES
const GET = 1
const MERGE = 2
const VERDICTS: readonly Verdict[] = ['served', 'behind', 'ahead', 'foreign', 'split']
const KINDS = ['miss', 'found', 'stored', 'stale', 'failed', 'fenced', 'no-room'] as const
const REASONS: readonly FailureReason[] = [
  'unreachable',
  'overloaded',
  'timeout',
  'full',
  'recovering',
  'not-replica'
]

/** Bytes that an operation takes in a frame. */
export function operationBytes(operation: Operation): number {
  return (
    5 +
    Buffer.byteLength(operation.key) +
    (operation.record === undefined ? 0 : 4 + recordBytes(operation.record))
  )
}

export function encodeRequest(request: FrameRequest): Buffer {
  const { ring, digest, ringJson, operations } = request
  let bytes = REQUEST_HEAD_BYTES + (ringJson === undefined ? 0 : 4 + Buffer.byteLength(ringJson))
  for (const operation of operations) bytes += operationBytes(operation)
  const target = Buffer.allocUnsafe(bytes)
  target[0] = FORMAT
  target[1] = ringJson === undefined ? 0 : HAS_RING
  target.writeUIntBE(ring.generation, 2, 6)
  let at = target.writeUInt32BE(ring.epoch, 8)
  at += target.write(digest, at, DIGEST_BYTES, 'hex')
  if (ringJson !== undefined) at = writeText(target, at, ringJson)
  at = target.writeUInt16BE(operations.length, at)
  for (const operation of operations) at = writeOperation(target, at, operation)
  return target
}

function writeOperation(target: Buffer, offset: number, { slot, key, record }: Operation): number {
  let at = target.writeUInt8(record === undefined ? GET : MERGE, offset)
  at = target.writeUInt16BE(slot, at)
  const keyBytes = target.write(key, at + 2)
  target.writeUInt16BE(keyBytes, at)
  at += 2 + keyBytes
  if (record === undefined) return at
  target.writeUInt32BE(recordBytes(record), at)
  return writeRecord(target, at + 4, record)
}

/** Throws `KV_ERR_FRAME` or `KV_ERR_RECORD` on bytes that `encodeRequest` cannot have made. */
export function decodeRequest(source: Buffer): FrameRequest {
  const cursor = createCursor(source)
  cursor.format()
  const flags = cursor.uint(1)
  if (flags > HAS_RING) throw new KvError('KV_ERR_FRAME', 'unknown flags')
  const ring = { generation: cursor.uint(6), epoch: cursor.uint(4) }
  const digest = cursor.take(DIGEST_BYTES).toString('hex')
  const ringJson = (flags & HAS_RING) === 0 ? undefined : cursor.text(cursor.uint(4))
  const operations = cursor.list((): Operation => {
    const kind = cursor.uint(1)
    if (kind !== GET && kind !== MERGE) throw new KvError('KV_ERR_FRAME', 'unknown operation')
    const slot = cursor.uint(2)
    if (slot >= SLOTS) throw new KvError('KV_ERR_FRAME', 'slot out of range')
    const keyBytes = cursor.uint(2)
    if (keyBytes === 0 || keyBytes > KEY_BYTES) throw new KvError('KV_ERR_FRAME', 'key of impossible length')
    const key = cursor.text(keyBytes)
    return { slot, key, record: kind === MERGE ? decodeRecord(cursor.take(cursor.uint(4))) : undefined }
  })
  cursor.end()
  return { ring, digest, ringJson, operations }
}

export function encodeReply(reply: FrameReply): Buffer {
  const { verdict, ringJson, clockMs, answers } = reply
  let bytes =
    4 + (clockMs === undefined ? 0 : 6) + (ringJson === undefined ? 0 : 4 + Buffer.byteLength(ringJson))
  for (const answer of answers) bytes += answerBytes(answer)
  const target = Buffer.allocUnsafe(bytes)
  target[0] = FORMAT
  target[1] =
    (VERDICTS.indexOf(verdict) << FLAG_BITS) |
    (ringJson === undefined ? 0 : HAS_RING) |
    (clockMs === undefined ? 0 : HAS_CLOCK)
  let at = clockMs === undefined ? 2 : target.writeUIntBE(clockMs, 2, 6)
  if (ringJson !== undefined) at = writeText(target, at, ringJson)
  at = target.writeUInt16BE(answers.length, at)
  for (const answer of answers) at = writeAnswer(target, at, answer)
  return target
}

function answerBytes(answer: Answer): number {
  switch (answer.kind) {
    case 'found':
      return 5 + recordBytes(answer.record)
    case 'stale':
      return 1 + VERSION_BYTES
    case 'failed':
      return 2
    default:
      return 1
  }
}

function writeAnswer(target: Buffer, offset: number, answer: Answer): number {
  const at = target.writeUInt8(KINDS.indexOf(answer.kind), offset)
  switch (answer.kind) {
    case 'found':
      target.writeUInt32BE(recordBytes(answer.record), at)
      return writeRecord(target, at + 4, answer.record)
    case 'stale':
      return writeVersion(target, at, answer.version)
    case 'failed':
      return target.writeUInt8(REASONS.indexOf(answer.reason), at)
    default:
      return at
  }
}

/** Throws `KV_ERR_FRAME` or `KV_ERR_RECORD` on bytes that `encodeReply` cannot have made. */
export function decodeReply(source: Buffer): FrameReply {
  const cursor = createCursor(source)
  cursor.format()
  const head = cursor.uint(1)
  const verdict = VERDICTS[head >> FLAG_BITS]
  if (verdict === undefined) throw new KvError('KV_ERR_FRAME', 'unknown verdict')
  const clockMs = (head & HAS_CLOCK) === 0 ? undefined : cursor.uint(6)
  const ringJson = (head & HAS_RING) === 0 ? undefined : cursor.text(cursor.uint(4))
  const answers = cursor.list((): Answer => {
    switch (KINDS[cursor.uint(1)]) {
      case 'miss':
        return MISS
      case 'found':
        return { kind: 'found', record: decodeRecord(cursor.take(cursor.uint(4))) }
      case 'stored':
        return STORED
      case 'stale':
        return { kind: 'stale', version: readVersion(cursor.take(VERSION_BYTES), 0) }
      case 'fenced':
        return FENCED
      case 'no-room':
        return NO_ROOM
      case 'failed': {
        const reason = REASONS[cursor.uint(1)]
        if (reason !== undefined) return failed(reason)
      }
    }
    throw new KvError('KV_ERR_FRAME', 'unknown answer')
  })
  cursor.end()
  return { verdict, ringJson, clockMs, answers }
}

function writeText(target: Buffer, offset: number, text: string): number {
  const bytes = target.write(text, offset + 4)
  target.writeUInt32BE(bytes, offset)
  return offset + 4 + bytes
}
