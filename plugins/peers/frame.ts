// One frame to another node and the bytes of its answer, by undici's own events: what `request` adds for any
// kind of body, a stream and a signal for each, costs as much again as the frame.

import { type IncomingHttpHeaders } from 'node:http'
import { type Pool } from 'undici'
import { startDeadline } from '../../src/core/quorum/deadline.ts'
import { PEER_DEADLINE_MS, RING_BYTES } from '../../src/limits.ts'
import { PEER_LONGEST_MS, REPLY_BYTES } from './limits.ts'

export interface Frame {
  /** `host:port`, for the error texts. */
  readonly node: string
  readonly headers: { readonly [name: string]: string }
  readonly body: Buffer
}

/**
 * Resolves with the bytes of an answer that may be a reply; rejects otherwise: `ETIMEDOUT` when none has
 * begun after `PEER_DEADLINE_MS`, or it is not whole after `PEER_LONGEST_MS`.
 */
export function postFrame(pool: Pool, { node, headers, body }: Frame): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let abort = (_error: Error): void => {}
    let late: Error | undefined
    let begun = false
    const end = (): void => {
      late = Object.assign(new Error(`${node} did not answer in time`), { code: 'ETIMEDOUT' })
      abort(late)
      reject(late)
    }
    let callOff = startDeadline(PEER_DEADLINE_MS, () => {
      if (begun) callOff = startDeadline(PEER_LONGEST_MS - PEER_DEADLINE_MS, end)
      else end()
    })
    pool.dispatch(
      { method: 'POST', path: '/internal/ops', headers, body },
      {
        onRequestStart(controller) {
          abort = error => controller.abort(error)
          // It may have waited for a connection until now.
          if (late !== undefined) abort(late)
        },
        onResponseStart(_controller, statusCode, headers) {
          begun = true
          const wrong = whatIsWrong(statusCode, headers)
          if (wrong !== undefined) abort(new Error(`${node} answered ${wrong}`))
        },
        onResponseData(_controller, chunk) {
          chunks.push(chunk)
        },
        onResponseEnd() {
          callOff()
          resolve(Buffer.concat(chunks))
        },
        onResponseError(_controller, error) {
          callOff()
          reject(error)
        }
      }
    )
  })
}

/**
 * Undefined: it may be a reply. Its length is looked at first: what another node sends is not read without a
 * bound.
 */
function whatIsWrong(statusCode: number, headers: IncomingHttpHeaders): string | undefined {
  if (statusCode !== 200 && statusCode !== 409) return String(statusCode)
  return Number(headers['content-length'] ?? Infinity) <= REPLY_BYTES + RING_BYTES
    ? undefined
    : 'more than a reply can be'
}
