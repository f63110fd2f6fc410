// Requests to another node that are no frames: pulls, votes and questions, in JSON.

import { type IncomingHttpHeaders } from 'node:http'
import { type Dispatcher, type Pool } from 'undici'
import { withDeadline } from '../../src/core/quorum/deadline.ts'
import { KvError } from '../../src/errors.ts'
import { PEER_CONNECT_MS } from './limits.ts'

export interface Caller {
  /**
   * A JSON request of its own, for what is no operation on a key; resolves with the text of the answer.
   * Rejects when it is not 200, with what the other node says.
   */
  call(path: string, body: object, timeoutMs: number): Promise<string>
  /** As `call`, for an answer that is read as it comes. The node may be silent for so long. */
  stream(
    path: string,
    body: object,
    silenceMs: number
  ): Promise<{ readonly headers: IncomingHttpHeaders; readonly body: AsyncIterable<Buffer> }>
}

/** What is kept of an error's text. */
const ERROR_CHARS = 1_000

export function createCaller(node: string, pool: Pool): Caller {
  async function stream(path: string, body: object, timeoutMs: number): Promise<Dispatcher.ResponseData> {
    const patience = new AbortController()
    const asked = pool.request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      signal: patience.signal
    })
    // Its own deadlines begin when there is a connection for it.
    const answer = await withDeadline(
      asked,
      timeoutMs + PEER_CONNECT_MS,
      () => new KvError('KV_ERR_NODE_NOT_READY', `${node} did not answer in time`)
    ).catch(error => {
      patience.abort()
      throw error
    })
    if (answer.statusCode === 200) return answer
    const text = (await answer.body.text()).slice(0, ERROR_CHARS)
    throw new KvError('KV_ERR_NODE_NOT_READY', `${node} answered ${answer.statusCode}: ${messageOf(text)}`)
  }
  return { stream, call: async (path, body, timeoutMs) => (await stream(path, body, timeoutMs)).body.text() }
}

/** The message of an error in JSON, or the text itself. */
function messageOf(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message)
  } catch {
    return text
  }
}
