// Bytes that are not a record: an error with the code KV_ERR_RECORD, and never another one. Cut short within
// its head, no record passes for one; behind the head every length is a value's.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { decodeRecord, encodeRecord } from '../../../src/core/pairs/record.ts'
import { KvError } from '../../../src/errors.ts'
import { damaged, keys, records } from '../../support/checker/arbitraries.ts'

/** True if the bytes were refused. */
function refused(bytes: Buffer): boolean {
  try {
    decodeRecord(bytes)
    return false
  } catch (error) {
    assert.ok(error instanceof KvError && error.code === 'KV_ERR_RECORD', String(error))
    return true
  }
}

t.test('cut at every byte', async () => {
  fc.assert(
    fc.property(records, fc.option(keys, { nil: undefined }), (record, key) => {
      const bytes = encodeRecord(record, key === undefined ? undefined : Buffer.from(key))
      const headBytes = bytes.length - record.value.length
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(refused(bytes.subarray(0, length)), length < headBytes)
      }
    })
  )
})

t.test('random and damaged bytes', async () => {
  const random = fc.uint8Array({ maxLength: 60 }).map(bytes => Buffer.from(bytes))
  const headed = fc
    .tuple(fc.integer({ min: 0x10, max: 0x1f }), random)
    .map(([head, rest]) => Buffer.concat([Buffer.of(head), rest]))
  const mended = fc
    .tuple(records, keys)
    .chain(([record, key]) => damaged(encodeRecord(record, Buffer.from(key))))
  fc.assert(
    fc.property(fc.oneof(random, headed, mended), bytes => {
      refused(bytes)
    }),
    { numRuns: 5_000 }
  )
})

t.test('each rule by itself', async t => {
  const version = { timeMs: 1, counter: 2, writer: 3 }
  const plain = { version, deleted: false, expiresAtMs: 0, contentType: '', value: Buffer.alloc(0) }
  const bytes = (first: number, ...rest: number[]) =>
    Buffer.concat([Buffer.of(first), encodeRecord(plain).subarray(1), Buffer.from(rest)])
  t.notOk(refused(bytes(0x10)))
  t.ok(refused(bytes(0x00)), 'another format')
  t.ok(refused(bytes(0x20)), 'another format')
  t.notOk(refused(bytes(0x11)))
  t.ok(refused(bytes(0x11, 1)), 'a tombstone with a value')
  t.notOk(refused(bytes(0x12, 0, 0, 0, 0, 0, 1)))
  t.ok(refused(bytes(0x12, 0, 0, 0, 0, 0, 0)), 'an expiry of zero')
  t.notOk(refused(bytes(0x18, 0, 1, 0x61)))
  t.ok(refused(bytes(0x18, 0, 0)), 'an empty key')
  t.ok(refused(bytes(0x18, 4, 1, ...new Array<number>(1025).fill(0x61))), 'a key of 1025 bytes')
  t.notOk(refused(bytes(0x18, 4, 0, ...new Array<number>(1024).fill(0x61))))
  t.ok(refused(bytes(0x18, 0, 1, 0xff)), 'a key that is not UTF-8')
  t.ok(refused(Buffer.alloc(15, 0x1f)), 'an impossible time')
})
