// Requests and replies between nodes, encoded and decoded, are the same.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  operationBytes,
  type Answer,
  type Operation
} from '../../../src/core/messages/frame.ts'
import { type PairRecord } from '../../../src/core/pairs/record.ts'
import { replies, requests } from '../../support/checker/arbitraries.ts'

/** Decoded records tell that no key was carried. */
const keyless = (record: PairRecord) => ({ ...record, key: undefined })

t.test('requests', async () => {
  fc.assert(
    fc.property(requests, request => {
      const operations = request.operations.map((operation): Operation =>
        operation.record === undefined ? operation : { ...operation, record: keyless(operation.record) }
      )
      assert.deepEqual(decodeRequest(encodeRequest(request)), { ...request, operations })
    }),
    { numRuns: 500 }
  )
})

t.test('replies', async () => {
  fc.assert(
    fc.property(replies, reply => {
      const answers = reply.answers.map((answer): Answer =>
        answer.kind === 'found' ? { ...answer, record: keyless(answer.record) } : answer
      )
      assert.deepEqual(decodeReply(encodeReply(reply)), { ...reply, answers })
    }),
    { numRuns: 500 }
  )
})

t.test('the bytes of an operation are what it adds to a frame', async () => {
  fc.assert(
    fc.property(requests, request => {
      const whole = encodeRequest(request).length
      const empty = encodeRequest({ ...request, operations: [] }).length
      assert.equal(
        whole - empty,
        request.operations.reduce((sum, operation) => sum + operationBytes(operation), 0)
      )
    })
  )
})

t.test('a frame has up to 512 operations', async t => {
  const ring = { generation: 1, epoch: 1 }
  const digest = '0123456789abcdef'
  const operations = (count: number) =>
    Array.from({ length: count }, (_, i): Operation => ({ slot: i, key: `k${i}`, record: undefined }))
  t.equal(
    decodeRequest(encodeRequest({ ring, digest, ringJson: undefined, operations: operations(512) }))
      .operations.length,
    512
  )
  t.throws(
    () => decodeRequest(encodeRequest({ ring, digest, ringJson: undefined, operations: operations(513) })),
    { code: 'KV_ERR_FRAME' }
  )
})
