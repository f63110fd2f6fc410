// The answer of a batch: each result is serialised as soon as it is there, so that what it takes on the wire
// is known and counted before the next is read, and stays counted until it has been sent. The results are
// sent piece by piece, as the client takes them.

import { isUtf8 } from 'node:buffer'
import { Readable } from 'node:stream'
import { type FastifyInstance, type FastifyReply } from 'fastify'
import { KvError } from '../../src/errors.ts'
import {
  BATCH_ANSWER_BYTES,
  BATCH_PIECE_BYTES,
  BATCHES_ANSWER_BYTES,
  UNSENT_FREE_BYTES
} from '../../src/limits.ts'
import { lengthAsJson } from '../../src/core/messages/json-length.ts'
import { type PairRecord } from '../../src/core/pairs/record.ts'
import { formatVersion } from '../../src/core/pairs/version.ts'

/** What became of an operation, with the status that `/kv/<key>` would have answered. */
export interface BatchResult {
  readonly status: number
  readonly etag?: string
  readonly contentType?: string
  readonly value?: Buffer
  readonly code?: string
  readonly message?: string
}

export interface BatchAnswer {
  /** True when a result had no room: nothing more is to be read. */
  readonly full: boolean
  /**
   * Takes the result of the operation in this place; one with a value that has no room is told to be so
   * instead.
   */
  add(index: number, result: BatchResult): void
  /** Sends the results, once there is one for each operation. */
  send(): FastifyReply
}

const BEGIN = '{"results":['
const END = ']}'

/** What makes the answers of a process; together they have a budget. */
export function createBatchAnswers({ unsent }: FastifyInstance): (reply: FastifyReply) => BatchAnswer {
  let allBytes = 0

  return reply => {
    const texts: Array<string | Buffer> = []
    let bytes = 0
    let full = false
    /** What is counted; results without a value are small, and no more than the operations. */
    let held = 0
    const answer = unsent.count(reply, () => {
      allBytes -= held
    })

    function hasRoom(more: number): boolean {
      if (held + more > BATCH_ANSWER_BYTES) return false
      // Those that it ends give theirs back in a moment, to those that ask again.
      if (allBytes + more > BATCHES_ANSWER_BYTES) unsent.relieve(allBytes + more - BATCHES_ANSWER_BYTES)
      return allBytes + more <= BATCHES_ANSWER_BYTES
    }

    function hold(more: number): boolean {
      if (!hasRoom(more) || !answer.hold(more)) return false
      allBytes += more
      held += more
      return true
    }

    /**
     * The result as it is sent; undefined: there is no room for it. A large value is measured first, as that
     * takes a tenth of the time.
     */
    function fitting(result: BatchResult): string | Buffer | undefined {
      const { value } = result
      if (value === undefined) return textOf(result)
      if (full || !hasRoom(value.length)) return undefined
      if (value.length > UNSENT_FREE_BYTES && !hasRoom(lengthAsJson(value, BATCH_ANSWER_BYTES - held))) {
        return undefined
      }
      const text = textOf(result)
      return hold(text.length) ? text : undefined
    }

    return {
      get full() {
        return full
      },
      add(index, result) {
        const text = fitting(result)
        // The first that does not fit is the last that is read.
        full ||= text === undefined
        const told = text ?? textOf(resultOfError(tooLarge()))
        texts[index] = told
        bytes += told.length
      },
      send() {
        answer.made()
        reply.type('application/json; charset=utf-8')
        if (bytes <= BATCH_PIECE_BYTES) return reply.send(`${BEGIN}${texts.join(',')}${END}`)
        const commas = texts.length - 1
        reply.header('content-length', BEGIN.length + bytes + commas + END.length)
        return reply.send(
          Readable.from(piecesOf(texts), { objectMode: false, highWaterMark: BATCH_PIECE_BYTES })
        )
      }
    }
  }
}

/**
 * The JSON of a result, its value as text, or in base64 where it is not UTF-8. A short string of ASCII stays
 * one, as its length is what it takes on the wire; the rest is bytes.
 */
function textOf({ value, ...result }: BatchResult): string | Buffer {
  const told =
    value === undefined
      ? result
      : { ...result, ...(isUtf8(value) ? { value: value.toString() } : { base64: value.toString('base64') }) }
  const text = JSON.stringify(told)
  return text.length <= BATCH_PIECE_BYTES && Buffer.byteLength(text) === text.length
    ? text
    : Buffer.from(text)
}

/** The whole answer; short results go together. */
function* piecesOf(texts: ReadonlyArray<string | Buffer>): Generator<string | Buffer> {
  let piece = BEGIN
  for (const [index, text] of texts.entries()) {
    if (index > 0) piece += ','
    if (typeof text === 'string' && piece.length + text.length <= BATCH_PIECE_BYTES) {
      piece += text
      continue
    }
    yield piece
    yield text
    piece = ''
  }
  yield piece + END
}

export function resultOfRead(record: PairRecord | undefined): BatchResult {
  if (record === undefined || record.deleted) throw new KvError('KV_ERR_NOT_FOUND')
  const { value, contentType, version } = record
  return {
    status: 200,
    etag: `"${formatVersion(version)}"`,
    ...(contentType !== '' && { contentType }),
    value
  }
}

export function resultOfError(error: unknown): BatchResult {
  if (!(error instanceof KvError)) throw error
  return { status: error.statusCode, code: error.code, message: error.message }
}

export const tooLarge = () =>
  new KvError('KV_ERR_OVERLOADED', 'the values of this batch are too large together')
