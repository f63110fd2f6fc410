// Who may ask what: with a cluster token, everything needs it but the routes that say they are open to clients. With TLS, what
// nodes ask of each other needs a certificate of the cluster's authority besides.

import { createHash, timingSafeEqual } from 'node:crypto'
import { type Socket } from 'node:net'
import { type TLSSocket } from 'node:tls'
import fp from 'fastify-plugin'
import { KvError } from '../../src/errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without the cluster token. */
    open?: boolean
  }
}

export interface AuthOptions {
  readonly token: string | undefined
  /** True if connections show certificates. */
  readonly certified: boolean
}

const BETWEEN_NODES = '/internal/'

export default fp<AuthOptions>(async (app, { token, certified }) => {
  if (token !== undefined) {
    const wanted = digest(`Bearer ${token}`)
    app.addHook('onRequest', async request => {
      if (request.routeOptions.config.open === true) return
      // Digests have one length, so the comparison takes the same time whatever was sent.
      if (!timingSafeEqual(digest(request.headers.authorization ?? ''), wanted)) throw new KvError('KV_ERR_UNAUTHORIZED')
    })
  }
  if (certified) {
    const known = new WeakMap<Socket, boolean>()
    app.addHook('onRequest', async ({ routeOptions, socket }) => {
      if (routeOptions.url?.startsWith(BETWEEN_NODES) !== true) return
      if (!known.has(socket)) known.set(socket, isCertified(socket as TLSSocket))
      if (known.get(socket) !== true) throw new KvError('KV_ERR_CERTIFICATE')
    })
  }
}, { name: 'auth', dependencies: ['requests'] })

/** A resumed session of TLS 1.3 counts as authorized though no certificate was ever shown, so it has to be there as well. */
function isCertified (socket: TLSSocket): boolean {
  return socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0
}

function digest (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
