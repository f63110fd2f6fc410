// Versions: a total order by time, counter and writer, which their texts and their bytes share.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  compareVersions,
  formatVersion,
  readVersion,
  VERSION_BYTES,
  writeVersion,
  type Version
} from '../../../src/core/pairs/version.ts'
import { LAST_MS, versions } from '../../support/checker/arbitraries.ts'

const big = ({ timeMs, counter, writer }: Version) =>
  (BigInt(timeMs) << 64n) + (BigInt(counter) << 48n) + BigInt(writer)

const bytesOf = (version: Version) => {
  const bytes = Buffer.alloc(VERSION_BYTES)
  assert.equal(writeVersion(bytes, 0, version), VERSION_BYTES)
  return bytes
}

t.test('compare, text and bytes agree with one large number', async () => {
  fc.assert(
    fc.property(versions, versions, (a, b) => {
      const order = big(a) < big(b) ? -1 : big(a) > big(b) ? 1 : 0
      const [textA, textB] = [formatVersion(a), formatVersion(b)]
      assert.equal(Math.sign(compareVersions(a, b)), order)
      assert.equal(textA < textB ? -1 : textA > textB ? 1 : 0, order)
      assert.equal(Buffer.compare(bytesOf(a), bytesOf(b)), order)
      assert.equal(textA, big(a).toString(16).padStart(28, '0'))
    }),
    { numRuns: 1_000 }
  )
})

t.test('bytes and back, anywhere in a buffer', async () => {
  fc.assert(
    fc.property(versions, fc.nat(20), (version, offset) => {
      const buffer = Buffer.alloc(offset + VERSION_BYTES)
      writeVersion(buffer, offset, version)
      assert.deepEqual(readVersion(buffer, offset), version)
    })
  )
})

t.test('no version is of a time past the year 9999', async t => {
  const last = { timeMs: LAST_MS, counter: 0xffff, writer: 2 ** 48 - 1 }
  t.same(readVersion(bytesOf(last), 0), last)
  t.throws(() => readVersion(bytesOf({ ...last, timeMs: LAST_MS + 1 }), 0), { code: 'KV_ERR_RECORD' })
  t.throws(() => readVersion(Buffer.alloc(VERSION_BYTES, 0xff), 0), { code: 'KV_ERR_RECORD' })
})
