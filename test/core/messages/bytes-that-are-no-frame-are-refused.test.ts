// Bytes that are no frame: an error of the catalogue, KV_ERR_FRAME or KV_ERR_RECORD, and never another one.
// No frame that is cut short, and none with bytes behind it, passes for a frame.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { decodeReply, decodeRequest, encodeReply, encodeRequest } from '../../../src/core/messages/frame.ts'
import { KvError } from '../../../src/errors.ts'
import { damaged, replies, requests } from '../../support/checker/arbitraries.ts'

type Decode = (bytes: Buffer) => unknown

/** True if the bytes were refused. */
function refused(decode: Decode, bytes: Buffer): boolean {
  try {
    decode(bytes)
    return false
  } catch (error) {
    assert.ok(
      error instanceof KvError && (error.code === 'KV_ERR_FRAME' || error.code === 'KV_ERR_RECORD'),
      String(error)
    )
    return true
  }
}

const frames: Array<[string, Decode, fc.Arbitrary<Buffer>]> = [
  ['request', decodeRequest, requests.map(encodeRequest)],
  ['reply', decodeReply, replies.map(encodeReply)]
]

for (const [what, decode, whole] of frames) {
  t.test(`a ${what} that is cut at any byte, or followed by one`, async () => {
    fc.assert(
      fc.property(whole, frame => {
        assert.ok(!refused(decode, frame))
        for (let length = 0; length < frame.length; length++) {
          assert.ok(refused(decode, frame.subarray(0, length)))
        }
        assert.ok(refused(decode, Buffer.concat([frame, Buffer.of(0)])))
      })
    )
  })

  t.test(`random bytes and a damaged ${what}`, async () => {
    const random = fc.uint8Array({ maxLength: 60 }).map(bytes => Buffer.from(bytes))
    const headed = random.map(bytes => Buffer.concat([Buffer.of(2), bytes]))
    fc.assert(
      fc.property(fc.oneof(random, headed, whole.chain(damaged)), bytes => {
        refused(decode, bytes)
      }),
      { numRuns: 5_000 }
    )
  })
}

t.test('each rule of a request by itself', async t => {
  const frame = encodeRequest({
    ring: { generation: 1, epoch: 1 },
    digest: '0123456789abcdef',
    ringJson: undefined,
    operations: [{ slot: 5, key: 'ab', record: undefined }]
  })
  // | format | flags | generation 6 | epoch 4 | digest 8 | count 2 | kind | slot 2 | key length 2 | key |
  const changed = (at: number, ...bytes: number[]) => {
    const copy = Buffer.from(frame)
    Buffer.from(bytes).copy(copy, at)
    return refused(decodeRequest, copy)
  }
  t.notOk(changed(0))
  t.ok(changed(0, 1), 'another format')
  t.ok(changed(1, 2), 'a flag that there is not')
  t.ok(changed(1, 1), 'a ring that is not there')
  t.ok(changed(20, 0x02, 0x01), 'too many operations')
  t.ok(changed(22, 3), 'an unknown operation')
  t.ok(changed(22, 0), 'an unknown operation')
  t.ok(changed(23, 0x27, 0x10), 'slot 10000')
  t.notOk(changed(23, 0x27, 0x0f), 'slot 9999')
  t.ok(changed(25, 0, 0), 'an empty key')
  t.ok(changed(27, 0xff), 'a key that is not UTF-8')
  const long = (bytes: number) =>
    encodeRequest({
      ring: { generation: 1, epoch: 1 },
      digest: '0123456789abcdef',
      ringJson: undefined,
      operations: [{ slot: 5, key: 'x'.repeat(bytes), record: undefined }]
    })
  t.notOk(refused(decodeRequest, long(1024)), 'a key of 1024 bytes')
  t.ok(refused(decodeRequest, long(1025)), 'a key of 1025 bytes')
})

t.test('each rule of a reply by itself', async t => {
  t.notOk(refused(decodeReply, Buffer.of(2, 0, 0, 1, 0)))
  t.ok(refused(decodeReply, Buffer.of(1, 0, 0, 1, 0)), 'another format')
  t.ok(refused(decodeReply, Buffer.of(2, 20, 0, 1, 0)), 'an unknown verdict')
  t.notOk(refused(decodeReply, Buffer.of(2, 2, 0, 0, 0, 0, 0, 9, 0, 0)), 'with a clock')
  t.ok(refused(decodeReply, Buffer.of(2, 2, 0, 0, 0, 0, 0, 9)), 'a clock that is cut')
  t.ok(refused(decodeReply, Buffer.of(2, 0, 0, 1, 7)), 'an unknown answer')
  t.notOk(refused(decodeReply, Buffer.of(2, 0, 0, 1, 4, 5)))
  t.ok(refused(decodeReply, Buffer.of(2, 0, 0, 1, 4, 6)), 'an unknown reason')
})
