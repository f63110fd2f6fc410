// The budget of the bodies that clients send: the bytes that a process takes in and works on at a time. A
// body without room is refused before it is read. What it takes is given back when its request has been
// answered or its connection has ended.

import { type IncomingMessage, type ServerResponse } from 'node:http'
import { type RouteOptions } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { BODIES_BYTES, BODY_FREE_BYTES, BODY_PATIENCE_MS } from './limits.ts'

/** What nodes alone ask: its bodies are not counted, so that clients cannot keep nodes from each other. */
export const BETWEEN_NODES = '/internal/'

interface Body {
  readonly request: IncomingMessage
  readonly bytes: number
  readonly sinceMs: number
}

const BODYLESS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** What makes the routes that take large bodies of clients count them; for Fastify's `onRoute`. */
export function createBodyBudget(nowMs: () => number): (route: RouteOptions) => void {
  const bodies = new Set<Body>()
  let bytes = 0

  function giveBack(body: Body): void {
    if (bodies.delete(body)) bytes -= body.bytes
  }

  /** Ends what has been coming for too long, the oldest first, until there is room for so much. */
  function makeRoom(more: number): void {
    const longSinceMs = nowMs() - BODY_PATIENCE_MS
    for (const body of bodies) {
      if (bytes + more <= BODIES_BYTES || body.sinceMs > longSinceMs) return
      if (body.request.complete) continue
      giveBack(body)
      body.request.destroy()
    }
  }

  /** False: there is no room. */
  function take(request: IncomingMessage, response: ServerResponse, more: number): boolean {
    if (bytes + more > BODIES_BYTES) makeRoom(more)
    if (bytes + more > BODIES_BYTES) return false
    const body = { request, bytes: more, sinceMs: nowMs() }
    bodies.add(body)
    bytes += more
    response.once('close', () => giveBack(body))
    return true
  }

  return route => {
    const { bodyLimit, method, url } = route
    if (bodyLimit === undefined || url.startsWith(BETWEEN_NODES) || BODYLESS.has(String(method))) return
    route.preParsing = (request, reply, _payload, done) => {
      const more = bytesOf(request.raw, bodyLimit)
      // One that is too large for its path is not read either, whether or not there is room.
      if (more <= BODY_FREE_BYTES || more > bodyLimit || take(request.raw, reply.raw, more)) return done()
      // The rest of it is let by unread, as it comes. Where nobody knows how long that will be, the
      // connection ends.
      if (request.raw.headers['content-length'] === undefined) reply.header('connection', 'close')
      done(new KvError('KV_ERR_OVERLOADED', 'too many large bodies are under way'))
    }
  }
}

/** The length that the head tells; one that it does not tell counts as the longest. */
function bytesOf({ headers }: IncomingMessage, bodyLimit: number): number {
  const length = headers['content-length']
  if (length !== undefined) return Number(length)
  return headers['transfer-encoding'] === undefined ? 0 : bodyLimit
}
