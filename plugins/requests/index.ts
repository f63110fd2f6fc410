// How requests become values: the budget of bodies, forms and JSON, and what a client sees of an error. Query
// strings are parsed like forms; `app.ts` hands the parser to the router.

import { STATUS_CODES } from 'node:http'
import formbody from '@fastify/formbody'
import fp from 'fastify-plugin'
import { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { PARSE_AT_ONCE_BYTES } from './limits.ts'
import { parseForm } from '../../src/core/pairs/form.ts'
import { inOneGo, type Steps } from '../../src/core/messages/json-reader.ts'
import { readFields } from '../../src/core/messages/json-shapes.ts'
import { BETWEEN_NODES, createBodyBudget } from './bodies.ts'
import { noteDefect, noteGone, readerHasGone } from './log.ts'
import { createTurns, type InTurns } from './turns.ts'

/** The text of a long form, which waits for its turn. */
const LONG = Symbol('the text of a long form')

type Done = (error: Error | null, parsed?: unknown) => void
type BodyParser = (request: FastifyRequest, body: Buffer, done: Done) => void

declare module 'fastify' {
  interface FastifyInstance {
    inTurns: InTurns
    /** A parser that reads a short body at once, and a long one in turns. */
    bodyParser(inSteps: (body: Buffer) => Steps<unknown>): BodyParser
  }
}

export default fp(
  async app => {
    const inTurns = createTurns()
    app.decorate('inTurns', inTurns)
    app.addHook(
      'onRoute',
      createBodyBudget(() => performance.now())
    )

    function parser(inSteps: (body: Buffer) => Steps<unknown>): BodyParser {
      return (request, body, done) => {
        if (request.is404) done(null)
        else if (body.length > PARSE_AT_ONCE_BYTES) {
          inTurns(request.raw.socket, inSteps(body)).then(parsed => done(null, parsed), done)
        } else parseAtOnce(() => inOneGo(inSteps(body)), body, done)
      }
    }

    app.decorate('bodyParser', parser)
    // Plain text is neither a form nor JSON.
    app.removeContentTypeParser(['text/plain', 'application/json'])
    await app.register(formbody, {
      parser: text => (text.length > PARSE_AT_ONCE_BYTES ? { [LONG]: text } : parseForm(text))
    })
    app.addHook('preValidation', (request, _reply, done) => {
      const text = (request.body as { [LONG]?: string } | null | undefined)?.[LONG]
      if (text === undefined || request.is404) return done()
      inTurns(
        request.raw.socket,
        inOneStep(() => parseForm(text))
      ).then(fields => {
        request.body = fields
        done()
      }, done)
    })
    const parseFields = parser(readFields)
    app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
      // Nodes send rings, which have parts.
      if (request.raw.url?.startsWith(BETWEEN_NODES) === true) parseAtOnce(parseTree, body, done)
      else parseFields(request, body, done)
    })
    app.setErrorHandler(answerError)
    app.setNotFoundHandler(() => {
      throw new KvError('KV_ERR_NO_ROUTE')
    })
  },
  { name: 'requests' }
)

function* inOneStep<T>(parse: () => T): Steps<T> {
  return parse()
}

function parseAtOnce(parse: (body: Buffer) => unknown, body: Buffer, done: Done): void {
  let parsed: unknown
  try {
    parsed = parse(body)
  } catch (error) {
    return done(error as Error)
  }
  done(null, parsed)
}

/** JSON of any shape. */
function parseTree(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    throw new KvError('KV_ERR_MALFORMED', 'the body is not JSON')
  }
}

/**
 * Answers with the error's status and its JSON form. What is not in the catalogue is a defect: 500, and
 * logged.
 */
export function answerError(
  error: FastifyError | KvError | Error,
  request: FastifyRequest,
  reply: FastifyReply
): void {
  // Nobody would read the error either.
  if (readerHasGone(error, reply)) return noteGone(request)
  const known = error instanceof KvError ? error : translate(error as FastifyError)
  if (known.code === 'KV_ERR_INTERNAL') noteDefect(error, request)
  if (known.statusCode === 503) reply.header('retry-after', '1')
  if (known.statusCode === 401) reply.header('www-authenticate', 'Bearer')
  reply
    .code(known.statusCode)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({
      statusCode: known.statusCode,
      code: known.code,
      error: STATUS_CODES[known.statusCode],
      message: known.message,
      ...known.details
    })
}

/** The catalogue's word for an error of the web framework. */
function translate(error: FastifyError): KvError {
  const status = error.statusCode ?? 500
  if (status === 413) return new KvError('KV_ERR_BODY_TOO_LARGE')
  if (status === 415) return new KvError('KV_ERR_MEDIA_TYPE')
  if (status >= 400 && status < 500) return new KvError('KV_ERR_MALFORMED', error.message)
  return new KvError('KV_ERR_INTERNAL')
}
