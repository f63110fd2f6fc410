// A record is what a replica stores for a key: version, expiry, tombstone bit, content type and value bytes.
// The same bytes lie in Memcached and travel between nodes. A record past its time is kept, with its version,
// until the grace has passed, so that it goes on hiding the older values that it replaced.
//
//   | format, flags | version | expires | length - 1, content type | length, key | value ... |
//   |      1        |   14    |    6    |     1, 1..256            |  2, 1..1024 |         |
//                              ^ each of these three only if its flag is set

import { isUtf8 } from 'node:buffer'
import { KvError } from '../../errors.ts'
import { CONTENT_TYPE_BYTES, KEY_BYTES, TOMBSTONE_GRACE_MS } from '../../limits.ts'
import { compareVersions, readVersion, VERSION_BYTES, writeVersion, type Version } from './version.ts'

export interface PairRecord {
  readonly version: Version
  /**
   * A tombstone: the key was deleted, and `expiresAtMs` is when; or the value of this very version was found
   * expired.
   */
  readonly deleted: boolean
  /** Wall time after which the record reads as absent; 0: never. */
  readonly expiresAtMs: number
  /** Latin-1 text as in the header; empty: none. */
  readonly contentType: string
  readonly value: Buffer
}

const FORMAT = 0x10
const DELETED = 1
const EXPIRES = 2
const CONTENT_TYPE = 4
const KEY = 8

const NO_VALUE = Buffer.alloc(0)

/**
 * A tombstone: the key is gone since `nowMs`; or since the time of its version, if that is later, as a clock
 * that is behind must not make a tombstone that the other replicas forget too early.
 */
export function tombstone(version: Version, nowMs: number): PairRecord {
  return {
    version,
    deleted: true,
    expiresAtMs: Math.max(nowMs, version.timeMs),
    contentType: '',
    value: NO_VALUE
  }
}

/**
 * Negative, zero or positive as `a` is older than, the same as or newer than `b`. Two records share a version
 * only where one is the other found expired (`endedRecord`), and that comes after it, yet before every other
 * write that knew it.
 */
export function compareRecords(a: PairRecord, b: PairRecord): number {
  return compareVersions(a.version, b.version) || Number(a.deleted) - Number(b.deleted)
}

/** True if the record is a value whose time is over at `nowMs`. */
export function isOver({ deleted, expiresAtMs }: PairRecord, nowMs: number): boolean {
  return expiresAtMs !== 0 && !deleted && expiresAtMs <= nowMs
}

/**
 * The tombstone that a value leaves when it is found expired: of the same version, so that it ends this value
 * and no other write.
 */
export function endedRecord({ version, expiresAtMs }: PairRecord): PairRecord {
  return { version, deleted: true, expiresAtMs, contentType: '', value: NO_VALUE }
}

/** True while the record is a value that a client may see. */
export function isVisible(record: PairRecord, nowMs: number): boolean {
  return !record.deleted && !isOver(record, nowMs)
}

/** When the record may be forgotten altogether, milliseconds; `Infinity`: never. */
export function keepUntilMs(record: PairRecord): number {
  return record.expiresAtMs === 0 ? Infinity : record.expiresAtMs + TOMBSTONE_GRACE_MS
}

/**
 * The record as a replica keeps it that is sent it at `nowMs` by its own clock. One that it might forget at
 * once it keeps as if its time were over only now: "stored" means stored, however far the clocks of sender
 * and replica are apart.
 */
export function keptRecord(record: PairRecord, nowMs: number): PairRecord {
  return keepUntilMs(record) > nowMs ? record : { ...record, expiresAtMs: nowMs }
}

/** Bytes of an encoded record. `key` is given where the storage's name for the pair does not spell it. */
export function recordBytes(record: PairRecord, key?: Buffer): number {
  return (
    1 +
    VERSION_BYTES +
    (record.expiresAtMs > 0 ? 6 : 0) +
    (record.contentType === '' ? 0 : 1 + record.contentType.length) +
    (key === undefined ? 0 : 2 + key.length) +
    record.value.length
  )
}

/** Writes a record at `offset` and returns the offset behind it. */
export function writeRecord(target: Buffer, offset: number, record: PairRecord, key?: Buffer): number {
  const { version, deleted, expiresAtMs, contentType, value } = record
  target[offset] =
    FORMAT |
    (deleted ? DELETED : 0) |
    (expiresAtMs > 0 ? EXPIRES : 0) |
    (contentType === '' ? 0 : CONTENT_TYPE) |
    (key === undefined ? 0 : KEY)
  let at = writeVersion(target, offset + 1, version)
  if (expiresAtMs > 0) at = target.writeUIntBE(expiresAtMs, at, 6)
  if (contentType !== '') {
    at = target.writeUInt8(contentType.length - 1, at)
    at += target.write(contentType, at, 'latin1')
  }
  if (key !== undefined) {
    at = target.writeUInt16BE(key.length, at)
    at += key.copy(target, at)
  }
  return at + value.copy(target, at)
}

/** A record in a buffer of its own. */
export function encodeRecord(record: PairRecord, key?: Buffer): Buffer {
  const target = Buffer.allocUnsafe(recordBytes(record, key))
  writeRecord(target, 0, record, key)
  return target
}

/**
 * The record in `source`, with the key where it is carried. The value is a view on `source`, not a copy.
 * Throws `KV_ERR_RECORD` on anything that `encodeRecord` cannot have made.
 */
export function decodeRecord(source: Buffer): PairRecord & { readonly key: string | undefined } {
  const head = need(source, 0, 1 + VERSION_BYTES)[0] as number
  if ((head & 0xf0) !== FORMAT) throw new KvError('KV_ERR_RECORD', 'unknown record format')
  let at = 1 + VERSION_BYTES
  let expiresAtMs = 0
  let contentType = ''
  let key: string | undefined
  if ((head & EXPIRES) !== 0) {
    expiresAtMs = need(source, at, 6).readUIntBE(at, 6)
    at += 6
    if (expiresAtMs === 0) throw new KvError('KV_ERR_RECORD', 'an expiry of zero')
  }
  if ((head & CONTENT_TYPE) !== 0) {
    const length = need(source, at, 1).readUInt8(at) + 1
    contentType = need(source, ++at, length).toString('latin1', at, at + length)
    at += length
  }
  if ((head & KEY) !== 0) {
    const length = need(source, at, 2).readUInt16BE(at)
    if (length === 0 || length > KEY_BYTES) throw new KvError('KV_ERR_RECORD', 'a key of impossible length')
    at += 2
    const bytes = need(source, at, length).subarray(at, at + length)
    if (!isUtf8(bytes)) throw new KvError('KV_ERR_RECORD', 'a key that is not UTF-8')
    key = bytes.toString()
    at += length
  }
  const deleted = (head & DELETED) !== 0
  if (deleted && at !== source.length) throw new KvError('KV_ERR_RECORD', 'a tombstone with a value')
  return {
    version: readVersion(source, 1),
    deleted,
    expiresAtMs,
    contentType,
    key,
    value: source.subarray(at)
  }
}

function need(source: Buffer, at: number, length: number): Buffer {
  if (at + length > source.length) throw new KvError('KV_ERR_RECORD', 'the record is cut short')
  return source
}

/** What a header may hold, a byte a character. */
const HEADER_TEXT = /^[\t -~\x80-\xff]*$/

/** Throws `KV_ERR_CONTENT_TYPE` unless the text fits in a record, and in the header that it comes back in. */
export function checkContentType(contentType: string): string {
  if (contentType.length > CONTENT_TYPE_BYTES || !HEADER_TEXT.test(contentType)) {
    throw new KvError('KV_ERR_CONTENT_TYPE')
  }
  return contentType
}
