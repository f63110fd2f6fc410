// Who may ask what: with a cluster token, everything needs it but the routes that say they are open to clients.

import { createHash, timingSafeEqual } from 'node:crypto'
import fp from 'fastify-plugin'
import { KvError } from '../../src/errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without the cluster token. */
    open?: boolean
  }
}

export interface AuthOptions { readonly token: string | undefined }

export default fp<AuthOptions>(async (app, { token }) => {
  if (token === undefined) return
  const wanted = digest(`Bearer ${token}`)

  app.addHook('onRequest', async request => {
    if (request.routeOptions.config.open === true) return
    // Digests have one length, so the comparison takes the same time whatever was sent.
    if (!timingSafeEqual(digest(request.headers.authorization ?? ''), wanted)) throw new KvError('KV_ERR_UNAUTHORIZED')
  })
}, { name: 'auth', dependencies: ['requests'] })

function digest (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
