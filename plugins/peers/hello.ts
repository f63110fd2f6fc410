// Connections to another node. Each begins with a hello, before anything else is sent on it: the other end
// tells its name, which has to be the one that it was called by, and with a cluster token both ends prove
// that they have it.

import { randomBytes } from 'node:crypto'
import { type Socket } from 'node:net'
import { buildConnector, errors } from 'undici'
import { startDeadline } from '../../src/core/quorum/deadline.ts'
import {
  isProof,
  NONCE_BYTES,
  parseIntroduction,
  proofOf,
  type TlsIdentity
} from '../../src/core/messages/hello.ts'
import { KvError } from '../../src/errors.ts'
import { HELLO_ANSWER_BYTES, HELLO_MS, PEER_CONNECT_MS } from './limits.ts'

export interface HelloOptions {
  /** The name of this node, and the one of the node that is called. */
  readonly self: string
  readonly node: string
  /** Undefined: nothing is proved, but names are told. */
  readonly token: string | undefined
  /** Undefined: plain HTTP. */
  readonly tls: TlsIdentity | undefined
}

export function createConnector(options: HelloOptions): buildConnector.connector {
  const connect = buildConnector({ timeout: PEER_CONNECT_MS, ...options.tls })
  return (target, done) =>
    connect(target, (error, socket) => {
      if (error !== null && error !== undefined) return done(error, null)
      greet(socket as Socket, options).then(
        () => done(null, socket as Socket),
        error => {
          ;(socket as Socket).destroy()
          done(error, null)
        }
      )
    })
}

/**
 * Resolves when the other end is who it is called. Throws `KV_ERR_NODE_NAME`, `KV_ERR_NODE_NOT_READY`,
 * undici's `ConnectTimeoutError`.
 */
async function greet(socket: Socket, { self, node, token }: HelloOptions): Promise<void> {
  const asked = randomBytes(NONCE_BYTES).toString('hex')
  const first = await say(socket, node, { from: self, nonce: asked })
  // A release from before the hello has no such path. Without a token there is nothing that it would have to
  // prove.
  if (token === undefined && first.status === 404) return
  const other = parseIntroduction(first.body, 'node')
  if (first.status !== 200 || other === undefined) {
    throw refusal(`${node} does not answer a hello as a node does (${first.status})`)
  }
  if (other.node !== node) {
    throw new KvError(
      'KV_ERR_NODE_NAME',
      `the node at ${node} calls itself ${other.node}; a node is called by its own name`
    )
  }
  if (token === undefined) return
  const hello = { from: self, to: node, asked, answered: other.nonce }
  const { status, body } = await say(socket, node, { proof: proofOf(token, 'asks', hello) })
  const { proof } = (body ?? {}) as { proof?: unknown }
  if (status !== 200 || !isProof(proof, proofOf(token, 'answers', hello))) {
    throw refusal(`${node} does not prove that it has this cluster's token`)
  }
}

const refusal = (what: string): KvError => new KvError('KV_ERR_NODE_NOT_READY', what)

interface Told {
  readonly status: number
  readonly body: unknown
}

/** One request and its answer on a connection that nothing else uses yet. */
function say(socket: Socket, node: string, body: object): Promise<Told> {
  const text = JSON.stringify(body)
  let bytes = Buffer.alloc(0)
  return new Promise<Told>((resolve, reject) => {
    const end = (settle: () => void): void => {
      callOff()
      socket.off('readable', read).off('close', closed)
      settle()
    }
    const read = (): void => {
      for (let chunk: Buffer | null; (chunk = socket.read() as Buffer | null) !== null;) {
        bytes = Buffer.concat([bytes, chunk])
      }
      try {
        const told = parseAnswer(bytes)
        if (told !== undefined) end(() => resolve(told))
      } catch {
        end(() => reject(refusal(`${node} does not answer a hello as a node does`)))
      }
    }
    const closed = (): void => end(() => reject(refusal(`${node} closed the connection at the hello`)))
    const callOff = startDeadline(HELLO_MS, () =>
      end(() => reject(new errors.ConnectTimeoutError(`${node} does not answer a hello`)))
    )
    socket.on('readable', read).on('close', closed)
    socket.write(
      `POST /internal/hello HTTP/1.1\r\nhost: ${node}\r\ncontent-type: ` +
        `application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
    )
  })
}

/** Undefined: there is more to come. Throws on what is no answer of a node. */
function parseAnswer(bytes: Buffer): Told | undefined {
  if (bytes.length > HELLO_ANSWER_BYTES) throw new Error('too long')
  const headBytes = bytes.indexOf('\r\n\r\n')
  if (headBytes < 0) return undefined
  const head = bytes.toString('latin1', 0, headBytes)
  const status = /^HTTP\/1\.1 ([0-9]{3}) /.exec(head)?.[1]
  const length = /\r\ncontent-length: *([0-9]{1,6})(\r\n|$)/i.exec(head)?.[1]
  if (status === undefined || length === undefined) throw new Error('no answer')
  const body = bytes.subarray(headBytes + 4)
  if (body.length < Number(length)) return undefined
  if (body.length > Number(length)) throw new Error('more than an answer')
  return { status: Number(status), body: Number(status) === 200 ? JSON.parse(body.toString()) : undefined }
}
