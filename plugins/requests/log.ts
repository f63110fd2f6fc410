// What the log says of requests that did not end well. An answer that has begun cannot become an error any
// more: only the log tells of it.

import { LogController, type FastifyReply, type FastifyRequest } from 'fastify'
import { KvError } from '../../src/errors.ts'

/**
 * Fastify's lines about requests: only those about answers that broke off, as a line for each request would
 * cost more than the request.
 */
export class RequestLog extends LogController {
  constructor() {
    super({ disableRequestLogging: true })
  }

  override streamError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
    if (readerHasGone(error, reply)) noteGone(request)
    else if (error instanceof KvError) noteBroken(error, request)
    else noteDefect(error, request)
  }
}

/**
 * True if nobody reads the answer any more, and nothing else is wrong: a stream that ends early for a reader
 * that is there is a defect.
 */
export function readerHasGone(error: Error, { raw }: FastifyReply): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE' && raw.destroyed
}

export function noteGone(request: FastifyRequest): void {
  request.log.debug(about(request), 'a reader went away')
}

export function noteDefect(error: Error, request: FastifyRequest): void {
  request.log.error({ err: error, ...about(request) }, 'a request met a defect')
}

/** What the node cannot help is a warning; a ring that has changed meanwhile is the order of the day. */
function noteBroken(error: KvError, request: FastifyRequest): void {
  request.log[error.statusCode >= 500 ? 'warn' : 'info'](
    { err: error, code: error.code, ...about(request) },
    'an answer broke off'
  )
}

function about({ id, routeOptions }: FastifyRequest) {
  return { reqId: id, route: routeOptions.url }
}
