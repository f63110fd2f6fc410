// `POST /kv/batch`: many gets, puts and deletes in one request, each with a result of its own, as `/kv/<key>` would answer it. Those of
// one key are carried out in their order, the others side by side: to the replicas they travel in the frames of one tick. What cannot be
// begun in time, or has no room in the answer, is not carried out and says so.

import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { BATCH_BEGIN_MS, BATCH_BYTES, BATCH_OPS, TTL_S } from '../../src/limits.ts'
import { fieldsOf } from '../../src/core/form.ts'
import { checkKey } from '../../src/core/key.ts'
import { checkContentType, tombstone } from '../../src/core/record.ts'
import { slotOf } from '../../src/core/slot.ts'
import { formatVersion } from '../../src/core/version.ts'
import { checkValue } from './answers.ts'
import { createBatchAnswers, resultOfError, resultOfRead, tooLarge, type BatchAnswer, type BatchResult } from './batch-answers.ts'
import { forEachOf } from './several.ts'

/** An operation that has been checked, and its place in the request. */
type BatchOperation = { readonly index: number, readonly key: string } & (
  | { readonly op: 'get' | 'delete' }
  | { readonly op: 'put', readonly value: Buffer, readonly contentType: string, readonly ttlS: number | undefined })

const FIELDS = { get: ['op', 'key'], delete: ['op', 'key'], put: ['op', 'key', 'value', 'base64', 'contentType', 'ttl'] }

export function batchRoute (app: FastifyInstance): void {
  const { coordinator, clock } = app
  const answerTo = createBatchAnswers(app)

  /** Body: `{"operations": [{"op": "get" | "put" | "delete", "key", ...}]}`; 200 with `{"results": [...]}` in the same order. */
  app.post('/kv/batch', { config: { open: true }, bodyLimit: BATCH_BYTES }, async (request, reply) => {
    const operations = parseOperations(fieldsOf(request.body).operations)
    const answer = answerTo(reply)
    await carryOutAll(operations, request.raw.socket, answer)
    return answer.send()
  })

  /** The results go to the answer, each at the place of its operation. Nothing more is begun after `BATCH_BEGIN_MS`, or for a client who has gone. */
  async function carryOutAll (operations: readonly BatchOperation[], client: { readonly destroyed: boolean }, answer: BatchAnswer): Promise<void> {
    const untilMs = performance.now() + BATCH_BEGIN_MS

    async function resultOf (operation: BatchOperation): Promise<BatchResult> {
      if (client.destroyed || performance.now() > untilMs) throw new KvError('KV_ERR_OVERLOADED', 'not carried out: the batch took too long')
      if (operation.op === 'get' && answer.full) throw tooLarge()
      return carryOut(operation)
    }

    await forEachOf(byKey(operations), async ofOneKey => {
      for (const operation of ofOneKey) answer.add(operation.index, await resultOf(operation).catch(resultOfError))
    })
  }

  async function carryOut (operation: BatchOperation): Promise<BatchResult> {
    const { key } = operation
    if (operation.op === 'put') {
      const { value, contentType, ttlS } = operation
      const expiresAtMs = ttlS === undefined ? 0 : clock.wallMs() + ttlS * 1000
      const { version } = await coordinator.write(slotOf(key), key, version => ({ version, deleted: false, expiresAtMs, contentType, value }))
      return { status: 204, etag: `"${formatVersion(version)}"` }
    }
    if (operation.op === 'get') return resultOfRead((await coordinator.read(slotOf(key), key)).record)
    await coordinator.write(slotOf(key), key, version => tombstone(version, clock.wallMs()))
    return { status: 204 }
  }
}

function byKey (operations: readonly BatchOperation[]): BatchOperation[][] {
  const groups = new Map<string, BatchOperation[]>()
  for (const operation of operations) {
    const group = groups.get(operation.key)
    if (group === undefined) groups.set(operation.key, [operation])
    else group.push(operation)
  }
  return [...groups.values()]
}

/** Checks every operation before the first is carried out, so that a malformed request changes nothing. */
function parseOperations (operations: unknown): BatchOperation[] {
  if (!Array.isArray(operations) || operations.length > BATCH_OPS) throw new KvError('KV_ERR_MALFORMED', `operations is a list of up to ${BATCH_OPS} operations`)
  return operations.map((operation, index) => {
    try {
      return parseOperation(operation, index)
    } catch (error) {
      throw error instanceof KvError ? new KvError(error.code, `operation ${index}: ${error.message}`) : error
    }
  })
}

function parseOperation (operation: unknown, index: number): BatchOperation {
  if (typeof operation !== 'object' || operation === null) throw new KvError('KV_ERR_MALFORMED', 'an operation is an object')
  const fields = operation as { readonly [name: string]: unknown }
  const { op } = fields
  if (op !== 'get' && op !== 'put' && op !== 'delete') throw new KvError('KV_ERR_MALFORMED', 'op is get, put or delete')
  const unknown = Object.keys(fields).find(name => !FIELDS[op].includes(name))
  if (unknown !== undefined) throw new KvError('KV_ERR_MALFORMED', `a ${op} has no ${JSON.stringify(unknown.slice(0, 40))}`)
  const key = checkKey(fields.key)
  if (op !== 'put') return { index, op, key }
  return { index, op, key, value: valueOf(fields), contentType: contentTypeOf(fields.contentType), ttlS: ttlOf(fields.ttl) }
}

function valueOf ({ value, base64 }: { readonly [name: string]: unknown }): Buffer {
  if (base64 === undefined) return checkValue(value)
  if (value !== undefined || typeof base64 !== 'string') throw new KvError('KV_ERR_VALUE_MISSING')
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) throw new KvError('KV_ERR_MALFORMED', 'base64 is not base64')
  return checkValue(bytes)
}

function contentTypeOf (contentType: unknown): string {
  if (contentType === undefined) return ''
  if (typeof contentType !== 'string') throw new KvError('KV_ERR_CONTENT_TYPE')
  return checkContentType(contentType)
}

function ttlOf (ttl: unknown): number | undefined {
  if (ttl === undefined) return undefined
  if (!Number.isInteger(ttl) || (ttl as number) < 1 || (ttl as number) > TTL_S) throw new KvError('KV_ERR_TTL')
  return ttl as number
}
