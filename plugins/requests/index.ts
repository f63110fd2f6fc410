// How requests become values: form bodies, and what a client sees of an error. Query strings are parsed by the same parser,
// which `app.ts` hands to the router.

import { STATUS_CODES } from 'node:http'
import formbody from '@fastify/formbody'
import fp from 'fastify-plugin'
import { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { parseForm } from '../../src/core/form.ts'

export default fp(async app => {
  // Plain text is neither a form nor JSON.
  app.removeContentTypeParser('text/plain')
  await app.register(formbody, { parser: parseForm })
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(() => { throw new KvError('KV_ERR_NO_ROUTE') })
}, { name: 'requests' })

/** Answers with the error's status and its JSON form. What is not in the catalogue is a defect: 500, and logged. */
export function answerError (error: FastifyError | KvError | Error, request: FastifyRequest, reply: FastifyReply): void {
  const known = error instanceof KvError ? error : translate(error as FastifyError)
  if (known.code === 'KV_ERR_INTERNAL') request.log.error({ err: error, reqId: request.id, route: request.routeOptions.url }, 'a request met a defect')
  if (known.statusCode === 503) reply.header('retry-after', '1')
  if (known.statusCode === 401) reply.header('www-authenticate', 'Bearer')
  reply.code(known.statusCode).type('application/json; charset=utf-8').serializer(JSON.stringify).send({
    statusCode: known.statusCode,
    code: known.code,
    error: STATUS_CODES[known.statusCode],
    message: known.message,
    ...known.details
  })
}

/** The catalogue's word for an error of the web framework. */
function translate (error: FastifyError): KvError {
  const status = error.statusCode ?? 500
  // Nobody hears it: whoever asked has gone while the answer was under way.
  if (error.code === 'ERR_STREAM_PREMATURE_CLOSE') return new KvError('KV_ERR_OVERLOADED', 'the client has gone')
  if (status === 413) return new KvError('KV_ERR_BODY_TOO_LARGE')
  if (status === 415) return new KvError('KV_ERR_MEDIA_TYPE')
  if (status >= 400 && status < 500) return new KvError('KV_ERR_MALFORMED', error.message)
  return new KvError('KV_ERR_INTERNAL')
}
