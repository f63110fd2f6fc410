// `POST /kv/batch`: many gets, puts and deletes in one request, each with a result of its own, as `/kv/<key>` would answer it. Those of
// one key are carried out in their order, the others side by side: to the replicas they travel in the frames of one tick. What cannot be
// begun in time, or has no room in the answer, is not carried out and says so.

import { isUtf8 } from 'node:buffer'
import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { BATCH_ANSWER_CHARS, BATCH_BEGIN_MS, BATCH_BYTES, BATCH_OPS, BATCHES_ANSWER_CHARS, TTL_S } from '../../src/limits.ts'
import { fieldsOf } from '../../src/core/form.ts'
import { checkKey } from '../../src/core/key.ts'
import { checkContentType, tombstone, type Record } from '../../src/core/record.ts'
import { slotOf } from '../../src/core/slot.ts'
import { formatVersion } from '../../src/core/version.ts'
import { checkValue } from './answers.ts'
import { forEachOf } from './several.ts'

/** An operation that has been checked, and its place in the request. */
type BatchOperation = { readonly index: number, readonly key: string } & (
  | { readonly op: 'get' | 'delete' }
  | { readonly op: 'put', readonly value: Buffer, readonly contentType: string, readonly ttlS: number | undefined })

/** What became of an operation: the status that `/kv/<key>` would have answered, and a value as text, or in base64 where it is not UTF-8. */
interface BatchResult {
  readonly status: number
  readonly etag?: string
  readonly contentType?: string
  readonly value?: string
  readonly base64?: string
  readonly code?: string
  readonly message?: string
}

const FIELDS = { get: ['op', 'key'], delete: ['op', 'key'], put: ['op', 'key', 'value', 'base64', 'contentType', 'ttl'] }

export function batchRoute (app: FastifyInstance): void {
  const { coordinator, clock } = app
  /** Characters of the values that the batches under way hold. */
  let held = 0

  /** Body: `{"operations": [{"op": "get" | "put" | "delete", "key", ...}]}`; 200 with `{"results": [...]}` in the same order. */
  app.post('/kv/batch', { config: { open: true }, bodyLimit: BATCH_BYTES }, async request => {
    const operations = parseOperations(fieldsOf(request.body).operations)
    return { results: await carryOutAll(operations, request.raw.socket) }
  })

  /** The results in the order of the operations. Nothing more is begun after `BATCH_BEGIN_MS`, or for a client who has gone. */
  async function carryOutAll (operations: readonly BatchOperation[], client: { readonly destroyed: boolean }): Promise<BatchResult[]> {
    const results = new Array<BatchResult>(operations.length)
    const untilMs = performance.now() + BATCH_BEGIN_MS
    let chars = 0
    let full = false

    async function resultOf (operation: BatchOperation): Promise<BatchResult> {
      if (client.destroyed || performance.now() > untilMs) throw new KvError('KV_ERR_OVERLOADED', 'not carried out: the batch took too long')
      if (operation.op === 'get' && full) throw tooLarge()
      const result = await carryOut(operation)
      const more = (result.value ?? result.base64 ?? '').length
      // The first that does not fit is the last that is read.
      full ||= chars + more > BATCH_ANSWER_CHARS || held + more > BATCHES_ANSWER_CHARS
      if (full && more > 0) throw tooLarge()
      chars += more
      held += more
      return result
    }

    try {
      await forEachOf(byKey(operations), async ofOneKey => {
        for (const operation of ofOneKey) results[operation.index] = await resultOf(operation).catch(resultOfError)
      })
      return results
    } finally {
      held -= chars
    }
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

const tooLarge = () => new KvError('KV_ERR_OVERLOADED', 'the values of this batch are too large together')

function resultOfRead (record: Record | undefined): BatchResult {
  if (record === undefined || record.deleted) throw new KvError('KV_ERR_NOT_FOUND')
  const { value, contentType, version } = record
  const told = isUtf8(value) ? { value: value.toString() } : { base64: value.toString('base64') }
  return { status: 200, etag: `"${formatVersion(version)}"`, ...contentType !== '' && { contentType }, ...told }
}

function resultOfError (error: unknown): BatchResult {
  if (!(error instanceof KvError)) throw error
  return { status: error.statusCode, code: error.code, message: error.message }
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
