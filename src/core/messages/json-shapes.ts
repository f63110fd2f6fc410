// The three shapes of JSON that clients and operators send: a pair or another few fields, the operations of a
// batch, and many pairs.

import { KvError, type ErrorCode } from '../../errors.ts'
import { BULK_PAIRS } from '../../limits.ts'
import { FIELDS_LIMIT } from './limits.ts'
import { Empty } from '../pairs/form.ts'
import {
  cursorOf,
  expectEnd,
  isListNext,
  isObjectNext,
  readList,
  readObject,
  shortObjectAt,
  type Cursor,
  type Scalar,
  type Steps
} from './json-reader.ts'

/** Fields by name; of several with one name the last. */
export type Scalars = { [name: string]: Scalar }

/** What a list or an object is instead of what has to be there. */
const MISSING: { readonly [name: string]: ErrorCode | undefined } = {
  key: 'KV_ERR_KEY_MISSING',
  val: 'KV_ERR_VALUE_MISSING'
}

/**
 * An object of a few fields, whose values have no parts. Throws `KV_ERR_MALFORMED` and, where key or value
 * has parts, what their absence is.
 */
export function* readFields(bytes: Buffer): Steps<Scalars> {
  const cursor = cursorOf(bytes)
  const fields =
    shortObjectAt(cursor) ??
    (yield* readLongObject(cursor, name => {
      if (Object.hasOwn(MISSING, name)) throw new KvError(MISSING[name] as ErrorCode)
    }))
  expectEnd(cursor)
  return fields
}

/**
 * `{"operations": [...]}`: hands on each operation, an object of a few fields without parts, and returns what
 * `check` makes of it.
 */
export function* readBatch<T>(
  bytes: Buffer,
  limit: number,
  check: (operation: Scalars, index: number) => T
): Steps<T[]> {
  const cursor = cursorOf(bytes)
  const noList = () => new KvError('KV_ERR_MALFORMED', `operations is a list of up to ${limit} operations`)
  let operations: T[] | undefined

  function add(fields: Scalars, index: number): void {
    operations?.push(check(fields, index))
  }

  /** Most operations are short and read at once. */
  function readOperation(index: number): Steps<void> | undefined {
    if (index >= limit) throw noList()
    try {
      if (!isObjectNext(cursor)) throw new KvError('KV_ERR_MALFORMED', 'an operation is an object')
      const fields = shortObjectAt(cursor)
      if (fields === undefined) return readLongOperation(index)
      add(fields, index)
    } catch (error) {
      throw ofOperation(index, error)
    }
  }

  function* readLongOperation(index: number): Steps<void> {
    try {
      add(yield* readLongObject(cursor), index)
    } catch (error) {
      throw ofOperation(index, error)
    }
  }

  if (!isObjectNext(cursor)) throw noList()
  yield* readObject(cursor, name => {
    if (name !== 'operations') {
      throw new KvError('KV_ERR_MALFORMED', `a batch has no ${JSON.stringify(name.slice(0, 40))}`)
    }
    if (!isListNext(cursor)) throw noList()
    operations = []
    return readList(cursor, readOperation)
  })
  expectEnd(cursor)
  if (operations === undefined) throw noList()
  return operations
}

/** An object of up to `BULK_PAIRS` pairs: what `check` makes of each value, by key. */
export function* readPairs<T>(
  bytes: Buffer,
  check: (key: string, value: Scalar) => T
): Steps<Map<string, T>> {
  const cursor = cursorOf(bytes)
  const pairs = new Map<string, T>()
  yield* readObject(cursor, (key, value) => {
    if (pairs.size === BULK_PAIRS) {
      throw new KvError('KV_ERR_BODY_TOO_LARGE', `up to ${BULK_PAIRS} pairs are taken at a time`)
    }
    pairs.set(key, check(key, value))
  })
  expectEnd(cursor)
  return pairs
}

/**
 * An object of a few fields that may be long; `refuse` may throw what is wrong with a field that has parts.
 */
function* readLongObject(cursor: Cursor, refuse = (_name: string): void => {}): Steps<Scalars> {
  const fields = new Empty() as Scalars
  let count = 0
  yield* readObject(cursor, (name, value) => {
    if (++count > FIELDS_LIMIT) {
      throw new KvError('KV_ERR_MALFORMED', `an object has up to ${FIELDS_LIMIT} fields here`)
    }
    if (value === undefined) refuse(name)
    fields[name] = value
  })
  return fields
}

function ofOperation(index: number, error: unknown): unknown {
  return error instanceof KvError ? new KvError(error.code, `operation ${index}: ${error.message}`) : error
}
