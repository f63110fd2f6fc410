// The hello of another node: it learns this one's name, and with a cluster token both prove that they have
// it. From then on the connection itself is trusted with what nodes ask of each other; the token is never
// sent.

import { randomBytes } from 'node:crypto'
import { type Socket } from 'node:net'
import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import {
  isProof,
  NONCE_BYTES,
  parseIntroduction,
  proofOf,
  type Hello
} from '../../src/core/messages/hello.ts'
import { HELLO_BYTES } from './limits.ts'

export interface HelloRouteOptions {
  /** The name of this node. */
  readonly node: string
  readonly token: string | undefined
  /** Gets the connections whose other end has proved that it has the token. */
  readonly proven: WeakSet<Socket>
}

export function helloRoute(app: FastifyInstance, { node, token, proven }: HelloRouteOptions): void {
  const begun = new WeakMap<Socket, Hello>()

  app.post<{ Body: { proof?: unknown } | undefined }>(
    '/internal/hello',
    { bodyLimit: HELLO_BYTES, config: { open: true } },
    async ({ body, socket }, reply) => {
      const asker = parseIntroduction(body, 'from')
      if (asker !== undefined) {
        const nonce = randomBytes(NONCE_BYTES).toString('hex')
        begun.set(socket, { from: asker.node, to: node, asked: asker.nonce, answered: nonce })
        return reply.send({ node, nonce })
      }
      if (body?.proof === undefined) {
        throw new KvError('KV_ERR_MALFORMED', 'a hello has from and nonce, or proof')
      }
      const hello = begun.get(socket)
      begun.delete(socket)
      if (token === undefined || hello === undefined || !isProof(body.proof, proofOf(token, 'asks', hello))) {
        throw new KvError('KV_ERR_UNAUTHORIZED')
      }
      proven.add(socket)
      return reply.send({ proof: proofOf(token, 'answers', hello) })
    }
  )
}
