// A stream of pairs gives the same pairs whatever the pieces in which it arrives; one without its end is not
// whole.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { createPairDecoder, encodeEnd, encodePairs } from '../../../src/core/messages/pair-stream.ts'
import { type Pair } from '../../../src/core/ports.ts'
import { KvError } from '../../../src/errors.ts'
import { KEY_BYTES, VALUE_BYTES } from '../../../src/limits.ts'
import { damaged, pairs } from '../../support/checker/arbitraries.ts'

const streams = fc
  .record({ pairs: fc.array(pairs, { maxLength: 6 }), remembers: fc.boolean() })
  .map(({ pairs, remembers }) => ({
    pairs,
    remembers,
    bytes: Buffer.concat([encodePairs(pairs), encodeEnd({ pairs: pairs.length, remembers })])
  }))

const decoded = (list: readonly Pair[]) =>
  list.map(pair => ({ ...pair, record: { ...pair.record, key: undefined } }))

/** The stream in pieces, cut where the fractions say. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map(cut => Math.floor(cut * bytes.length)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

t.test('in any pieces', async () => {
  fc.assert(
    fc.property(streams, cuts, ({ pairs, remembers, bytes }, cuts) => {
      const decoder = createPairDecoder()
      const got = pieces(bytes, cuts).flatMap(piece => decoder.push(piece))
      assert.deepEqual(got, decoded(pairs))
      assert.deepEqual(decoder.finish(), { pairs: pairs.length, remembers })
    }),
    { numRuns: 500 }
  )
})

t.test('byte by byte', async () => {
  fc.assert(
    fc.property(streams, ({ pairs, bytes }) => {
      const decoder = createPairDecoder()
      const got: Pair[] = []
      for (const byte of bytes) got.push(...decoder.push(Buffer.of(byte)))
      assert.deepEqual(got, decoded(pairs))
      assert.equal(decoder.finish().pairs, pairs.length)
    }),
    { numRuns: 50 }
  )
})

t.test('a stream that is cut short anywhere gives the pairs before, and is refused in the end', async () => {
  fc.assert(
    fc.property(streams, ({ pairs, bytes }) => {
      for (let length = 0; length < bytes.length; length++) {
        const decoder = createPairDecoder()
        const got = decoder.push(bytes.subarray(0, length))
        assert.deepEqual(got, decoded(pairs).slice(0, got.length))
        assert.throws(() => decoder.finish(), { code: 'KV_ERR_FRAME' })
      }
    }),
    { numRuns: 30 }
  )
})

t.test('an end that tells another number of pairs, or is not the end', async t => {
  const pair = {
    slot: 1,
    key: 'k',
    record: {
      version: { timeMs: 1, counter: 0, writer: 0 },
      deleted: false,
      expiresAtMs: 0,
      contentType: '',
      value: Buffer.from('v')
    }
  }
  const decoder = createPairDecoder()
  decoder.push(Buffer.concat([encodePairs([pair]), encodeEnd({ pairs: 2, remembers: true })]))
  t.throws(() => decoder.finish(), { code: 'KV_ERR_FRAME' })
  t.throws(() => decoder.push(encodePairs([pair])), { code: 'KV_ERR_FRAME' }, 'a pair behind the end')
  t.throws(
    () => createPairDecoder().push(Buffer.concat([encodeEnd({ pairs: 0, remembers: true }), Buffer.of(1)])),
    { code: 'KV_ERR_FRAME' }
  )
})

t.test('impossible heads are refused as soon as they are there', async t => {
  const frame = { code: 'KV_ERR_FRAME' }
  for (const head of [
    [3],
    [0],
    [1, 0x27, 0x10, 0, 1],
    [1, 0, 0, 0, 0],
    [1, 0, 0, 4, 1],
    [1, 0, 0, 0, 1, 0x61, 0, 0x20, 0, 0],
    [1, 0, 0, 0, 1, 0xff, 0, 0, 0, 0]
  ]) {
    t.throws(() => createPairDecoder().push(Buffer.from(head)), frame, String(head))
  }
  const most = Buffer.from([1, 0, 0, 0, 1, 0x61, 0, 0, 0, 0])
  most.writeUInt32BE(VALUE_BYTES + KEY_BYTES + 1024, 6)
  t.same(createPairDecoder().push(most), [], 'a record as large as there is')
  most.writeUInt32BE(VALUE_BYTES + KEY_BYTES + 1025, 6)
  t.throws(() => createPairDecoder().push(most), frame, 'a byte more')
  t.same(createPairDecoder().push(Buffer.from([1, 0x27, 0x0f, 4, 0])), [], 'the last slot, the longest key')
  t.throws(() => createPairDecoder().push(Buffer.from([1, 0, 0, 0, 1, 0x61, 0, 0, 0, 0])), {
    code: 'KV_ERR_RECORD'
  })
})

t.test('damaged streams throw nothing but errors of the catalogue', async () => {
  fc.assert(
    fc.property(
      streams.chain(({ bytes }) => damaged(bytes)),
      cuts,
      (bytes, cuts) => {
        const decoder = createPairDecoder()
        try {
          for (const piece of pieces(bytes, cuts)) decoder.push(piece)
          decoder.finish()
        } catch (error) {
          assert.ok(
            error instanceof KvError && (error.code === 'KV_ERR_FRAME' || error.code === 'KV_ERR_RECORD'),
            String(error)
          )
        }
      }
    ),
    { numRuns: 2_000 }
  )
})
