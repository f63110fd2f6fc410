// The local cluster's stand-in for HAProxy: round robin over the nodes that are ready. It repeats a request
// only when the node cannot have seen it or when a read without a body was cut off; never a write that may
// have been done.

import { Agent, createServer, STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { createProxyServer } from 'httpxy'
import { CATALOGUE, type ErrorCode } from '../../errors.ts'
import {
  BALANCER_BODY_BYTES,
  BALANCER_IDLE_MS,
  BALANCER_IDLE_TOLD_S,
  BALANCER_SILENCE_MS,
  BALANCER_STOP_MS
} from './limits.ts'
import { watchNodes } from './health.ts'
import { shareConnections } from './shares.ts'

export interface BalancerOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** The nodes, `host:port` each. */
  readonly nodes: readonly string[]
}

export interface Balancer {
  readonly port: number
  /** Asks every node at once whether it is ready. */
  check(): Promise<void>
  /** Stops listening and waits a little for what is in flight. */
  close(): Promise<void>
}

/**
 * Starts a balancer; it has checked its nodes once when the promise resolves. Rejects when the port is in
 * use.
 */
export async function startBalancer({ host, port, nodes }: BalancerOptions): Promise<Balancer> {
  const agent = new Agent({ keepAlive: true })
  const proxy = createProxyServer({ agent, proxyTimeout: BALANCER_SILENCE_MS })
  const health = watchNodes(nodes)
  // What a node says of its own connections is not for clients.
  proxy.on('proxyRes', answer => {
    answer.headers['keep-alive'] = `timeout=${BALANCER_IDLE_TOLD_S}`
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (isBeyondShare(request.socket)) {
      return refuse(response.setHeader('connection', 'close'), 'KV_ERR_TOO_MANY')
    }
    const body = await bodyOf(request)
    if (body === undefined) return refuse(response, 'KV_ERR_BODY_TOO_LARGE')
    const tried = new Set<string>()
    for (let node = health.next(tried); node !== undefined; node = health.next(tried)) {
      tried.add(node)
      try {
        // The body is kept, so that another node can have it if this one cannot be reached.
        return await proxy.web(request, response, { target: `http://${node}`, buffer: Readable.from(body) })
      } catch (error) {
        health.refused(node)
        if (response.headersSent) {
          response.destroy()
          return
        }
        const unseen = (error as NodeJS.ErrnoException).syscall === 'connect'
        if (!unseen && !(isRead(request) && body.length === 0)) return refuse(response, 'KV_ERR_NODE_LOST')
      }
    }
    refuse(response, 'KV_ERR_NO_NODE')
  }

  // What is left to go wrong is a client that went away in the middle of its request.
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = BALANCER_IDLE_MS
  const isBeyondShare = shareConnections(server)
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    health.stop()
    throw error
  }
  await health.check()

  return {
    get port() {
      return (server.address() as { port: number }).port
    },
    check: health.check,
    async close() {
      health.stop()
      const timer = setTimeout(() => server.closeAllConnections(), BALANCER_STOP_MS)
      const closed = once(server, 'close')
      server.close()
      await closed
      clearTimeout(timer)
      agent.destroy()
    }
  }
}

/** The chunks of a request's body; undefined: it is larger than any that a node takes. */
async function bodyOf(request: IncomingMessage): Promise<Buffer[] | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes <= BALANCER_BODY_BYTES) chunks.push(chunk as Buffer)
  }
  return bytes <= BALANCER_BODY_BYTES ? chunks : undefined
}

function isRead({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD'
}

function refuse(response: ServerResponse, code: ErrorCode): void {
  const { status: statusCode, text: message } = CATALOGUE[code]
  const body = JSON.stringify({ statusCode, code, error: STATUS_CODES[statusCode], message })
  response.writeHead(statusCode, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'retry-after': '1'
  })
  response.end(body)
}
