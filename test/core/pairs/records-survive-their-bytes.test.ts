// A record, encoded and decoded, is the same record; and what its times say about whether it is seen and
// kept.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  checkContentType,
  decodeRecord,
  encodeRecord,
  isVisible,
  keepUntilMs,
  recordBytes,
  tombstone,
  writeRecord
} from '../../../src/core/pairs/record.ts'
import { TOMBSTONE_GRACE_MS } from '../../../src/limits.ts'
import { keys, records } from '../../support/checker/arbitraries.ts'

const carriedKeys = fc.option(keys, { nil: undefined })

t.test('there and back', async () => {
  fc.assert(
    fc.property(records, carriedKeys, (record, key) => {
      const keyBytes = key === undefined ? undefined : Buffer.from(key)
      const bytes = encodeRecord(record, keyBytes)
      assert.equal(bytes.length, recordBytes(record, keyBytes))
      assert.deepEqual(decodeRecord(bytes), { ...record, key })
    }),
    { numRuns: 1_000 }
  )
})

t.test('at any place in a buffer, and not beyond', async () => {
  fc.assert(
    fc.property(records, carriedKeys, fc.nat(30), (record, key, offset) => {
      const keyBytes = key === undefined ? undefined : Buffer.from(key)
      const length = recordBytes(record, keyBytes)
      const buffer = Buffer.alloc(offset + length + 3, 0xaa)
      assert.equal(writeRecord(buffer, offset, record, keyBytes), offset + length)
      assert.deepEqual(buffer.subarray(offset, offset + length), encodeRecord(record, keyBytes))
      assert.ok(
        buffer.subarray(0, offset).every(byte => byte === 0xaa) &&
          buffer.subarray(offset + length).every(byte => byte === 0xaa)
      )
    })
  )
})

t.test('the longest of everything', async t => {
  const version = { timeMs: 1, counter: 2, writer: 3 }
  const record = {
    version,
    deleted: false,
    expiresAtMs: 2 ** 48 - 1,
    contentType: 'é'.repeat(256),
    value: Buffer.alloc(1_000_000, 7)
  }
  const key = 'ü'.repeat(512)
  t.strictSame(decodeRecord(encodeRecord(record, Buffer.from(key))), { ...record, key })
})

t.test('the value is a view, not a copy', async t => {
  const bytes = encodeRecord({
    version: { timeMs: 1, counter: 0, writer: 0 },
    deleted: false,
    expiresAtMs: 0,
    contentType: '',
    value: Buffer.from('abc')
  })
  const { value } = decodeRecord(bytes)
  bytes[bytes.length - 1] = 0x7a
  t.equal(value.toString(), 'abz')
})

t.test('what is seen, and for how long it is kept', async t => {
  const version = { timeMs: 1, counter: 0, writer: 0 }
  const record = { version, deleted: false, expiresAtMs: 0, contentType: '', value: Buffer.from('x') }
  t.ok(isVisible(record, 10 ** 15))
  t.equal(keepUntilMs(record), Infinity)
  const expiring = { ...record, expiresAtMs: 500 }
  t.same(
    [499, 500, 501].map(nowMs => isVisible(expiring, nowMs)),
    [true, false, false]
  )
  t.equal(keepUntilMs(expiring), 500 + TOMBSTONE_GRACE_MS)
  const gone = tombstone(version, 500)
  t.strictSame(gone, { version, deleted: true, expiresAtMs: 500, contentType: '', value: Buffer.alloc(0) })
  t.notOk(isVisible(gone, 0))
  t.equal(keepUntilMs(gone), 500 + TOMBSTONE_GRACE_MS)
})

t.test('a content type has up to 256 bytes that a header may hold', async t => {
  t.equal(checkContentType('x'.repeat(256)), 'x'.repeat(256))
  t.equal(checkContentType('\ta ~\x80\xff'), '\ta ~\x80\xff')
  for (const bad of ['\n', '\r', '\0', '\x7f', '\u0100']) {
    t.throws(() => checkContentType(`a${bad}`), { code: 'KV_ERR_CONTENT_TYPE' }, JSON.stringify(bad))
  }
  t.throws(() => checkContentType('x'.repeat(257)), { code: 'KV_ERR_CONTENT_TYPE' })
})
