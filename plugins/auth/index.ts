// Who may ask what: with a cluster token, everything needs it but the routes that say they are open to
// clients, and what nodes ask of each other on a connection that began with a proof of it. With TLS, the
// latter needs a certificate of the cluster's authority besides.

import { createHash, timingSafeEqual } from 'node:crypto'
import { type Socket } from 'node:net'
import { type TLSSocket } from 'node:tls'
import fp from 'fastify-plugin'
import { KvError } from '../../src/errors.ts'
import { helloRoute } from './hello.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without the cluster token. */
    open?: boolean
  }
}

export interface AuthOptions {
  /** The name of this node. */
  readonly node: string
  readonly token: string | undefined
  /** True if connections show certificates. */
  readonly certified: boolean
}

const BETWEEN_NODES = '/internal/'

export default fp<AuthOptions>(
  async (app, { node, token, certified }) => {
    /** Connections whose other end has proved that it has the token. */
    const proven = new WeakSet<Socket>()
    if (token !== undefined) {
      const wanted = digest(`Bearer ${token}`)
      app.addHook('onRequest', async request => {
        const { config, url } = request.routeOptions
        if (config.open === true || (url?.startsWith(BETWEEN_NODES) === true && proven.has(request.socket))) {
          return
        }
        // Digests have one length, so the comparison takes the same time whatever was sent.
        if (!timingSafeEqual(digest(request.headers.authorization ?? ''), wanted)) {
          throw new KvError('KV_ERR_UNAUTHORIZED')
        }
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
    helloRoute(app, { node, token, proven })
  },
  { name: 'auth', dependencies: ['requests'] }
)

/**
 * A resumed session of TLS 1.3 counts as authorized though no certificate was ever shown, so it has to be
 * there as well.
 */
function isCertified(socket: TLSSocket): boolean {
  return socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
