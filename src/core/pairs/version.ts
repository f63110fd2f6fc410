// Versions order the writes of one key, across all nodes: a hybrid logical clock (Kulkarni et al., "Logical
// Physical Clocks", 2014, section 3) followed by a number that is unique per worker process. The order is
// total and no two writes share a version.

import { KvError } from '../../errors.ts'

/** Bytes of an encoded version: 6 of milliseconds, 2 of counter, 6 of writer, each big-endian. */
export const VERSION_BYTES = 14

const COUNTER_LIMIT = 0x1_0000

/** The end of the year 9999; a clock that was led beyond it could not go on within 48 bits. */
const LAST_MS = 253_402_300_799_999

export interface Version {
  /** Milliseconds since 1970, the highest that this clock has seen; 48 bits. */
  readonly timeMs: number
  /** Tells apart the events of one millisecond; 16 bits. */
  readonly counter: number
  /** The worker process that stamped it; 48 random bits. */
  readonly writer: number
}

/** Negative, zero or positive as `a` is older than, the same as or newer than `b`. */
export function compareVersions(a: Version, b: Version): number {
  return a.timeMs - b.timeMs || a.counter - b.counter || a.writer - b.writer
}

/** Writes a version at `offset` and returns the offset behind it. */
export function writeVersion(target: Buffer, offset: number, version: Version): number {
  target.writeUIntBE(version.timeMs, offset, 6)
  target.writeUInt16BE(version.counter, offset + 6)
  target.writeUIntBE(version.writer, offset + 8, 6)
  return offset + VERSION_BYTES
}

/**
 * Reads a version at `offset`; the caller has checked that the bytes are there. Throws `KV_ERR_RECORD` past
 * the year 9999.
 */
export function readVersion(source: Buffer, offset: number): Version {
  const timeMs = source.readUIntBE(offset, 6)
  if (timeMs > LAST_MS) throw new KvError('KV_ERR_RECORD', 'a version of an impossible time')
  return { timeMs, counter: source.readUInt16BE(offset + 6), writer: source.readUIntBE(offset + 8, 6) }
}

/** 28 hexadecimal digits; the order of the texts is the order of the versions. */
export function formatVersion(version: Version): string {
  return (
    version.timeMs.toString(16).padStart(12, '0') +
    version.counter.toString(16).padStart(4, '0') +
    version.writer.toString(16).padStart(12, '0')
  )
}

export interface Clock {
  /** Wall time, milliseconds since 1970; used for expiry only. */
  wallMs(): number
  /** A version newer than every one that this clock gave out or observed. */
  next(): Version
  /** Moves the clock past a version that another writer stamped. */
  observe(version: Version): void
}

/** A hybrid logical clock for one worker process. `writer` is 48 random bits, fresh with each process. */
export function createClock(wallMs: () => number, writer: number): Clock {
  let timeMs = 0
  let counter = 0
  return {
    wallMs,
    next() {
      const now = wallMs()
      if (now > timeMs) {
        timeMs = now
        counter = 0
      } else if (++counter === COUNTER_LIMIT) {
        timeMs++
        counter = 0
      }
      return { timeMs, counter, writer }
    },
    observe(version) {
      if (version.timeMs > timeMs) {
        timeMs = version.timeMs
        counter = version.counter
      } else if (version.timeMs === timeMs && version.counter > counter) {
        counter = version.counter
      }
    }
  }
}
