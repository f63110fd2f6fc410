// What a batch asks for: its operations, each checked as soon as it has been read, and all of them before the
// first is carried out, so that a malformed request changes nothing.

import { KvError } from '../../src/errors.ts'
import { BATCH_OPS, TTL_S } from '../../src/limits.ts'
import { type Steps } from '../../src/core/messages/json-reader.ts'
import { readBatch, type Scalars } from '../../src/core/messages/json-shapes.ts'
import { checkKey } from '../../src/core/pairs/key.ts'
import { checkContentType } from '../../src/core/pairs/record.ts'
import { checkValue } from './answers.ts'

/** An operation that has been checked, and its place in the request. */
export type BatchOperation = { readonly index: number; readonly key: string } & (
  | { readonly op: 'get' | 'delete' }
  | {
      readonly op: 'put'
      readonly value: Buffer
      readonly contentType: string
      readonly ttlS: number | undefined
    }
)

const FIELDS = {
  get: ['op', 'key'],
  delete: ['op', 'key'],
  put: ['op', 'key', 'value', 'base64', 'contentType', 'ttl']
}

/** Reads the body of a batch. Throws `KV_ERR_MALFORMED` and what else may be wrong with an operation. */
export function readOperations(body: Buffer): Steps<BatchOperation[]> {
  return readBatch(body, BATCH_OPS, checkOperation)
}

/** The body of a batch, if it was JSON. Throws `KV_ERR_MALFORMED`. */
export function operationsOf(body: unknown): BatchOperation[] {
  if (!Array.isArray(body)) throw new KvError('KV_ERR_MALFORMED', 'a batch is JSON: {"operations": [...]}')
  return body
}

function checkOperation(fields: Scalars, index: number): BatchOperation {
  const { op } = fields
  if (op !== 'get' && op !== 'put' && op !== 'delete') {
    throw new KvError('KV_ERR_MALFORMED', 'op is get, put or delete')
  }
  const unknown = Object.keys(fields).find(name => !FIELDS[op].includes(name))
  if (unknown !== undefined) {
    throw new KvError('KV_ERR_MALFORMED', `a ${op} has no ${JSON.stringify(unknown.slice(0, 40))}`)
  }
  const key = checkKey(fields.key)
  if (op !== 'put') return { index, op, key }
  return {
    index,
    op,
    key,
    value: valueOf(fields),
    contentType: contentTypeOf(fields.contentType),
    ttlS: ttlOf(fields.ttl)
  }
}

function valueOf({ value, base64 }: Scalars): Buffer {
  if (base64 === undefined) return checkValue(value)
  if (value !== undefined || typeof base64 !== 'string') throw new KvError('KV_ERR_VALUE_MISSING')
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) throw new KvError('KV_ERR_MALFORMED', 'base64 is not base64')
  return checkValue(bytes)
}

function contentTypeOf(contentType: unknown): string {
  if (contentType === undefined) return ''
  if (typeof contentType !== 'string') throw new KvError('KV_ERR_CONTENT_TYPE')
  return checkContentType(contentType)
}

function ttlOf(ttl: unknown): number | undefined {
  if (ttl === undefined) return undefined
  if (!Number.isInteger(ttl) || (ttl as number) < 1 || (ttl as number) > TTL_S) {
    throw new KvError('KV_ERR_TTL')
  }
  return ttl as number
}
