// A node's stand-in for the balancer's tests: says whether it is ready, and leaves everything else to the
// test.

import { once } from 'node:events'
import {
  createServer,
  request,
  type Agent,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener
} from 'node:http'
import { type AddressInfo } from 'node:net'
import { type Test } from 'tap'

export interface FakeNode {
  readonly address: string
  /** The status that `/readyz` answers; undefined: cuts the connection. */
  readiness: number | undefined
  /** Every request but the checks, as `METHOD url`. */
  readonly seen: string[]
  close(): Promise<void>
}

/** Starts a node that answers with `answer`; it stops with the test. */
export async function startFakeNode(t: Test, answer: RequestListener): Promise<FakeNode> {
  const server = createServer((asked, response) => {
    if (asked.url === '/readyz') {
      if (node.readiness === undefined) asked.socket.destroy()
      else response.writeHead(node.readiness).end()
      return
    }
    node.seen.push(`${asked.method} ${asked.url}`)
    answer(asked, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const node: FakeNode = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    readiness: 200,
    seen: [],
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
  t.teardown(() => node.close())
  return node
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: string[]
  readonly body: Buffer
}

export interface Asking {
  readonly method?: string
  readonly path?: string
  readonly headers?: OutgoingHttpHeaders | string[]
  readonly body?: Buffer | string
  /** The address that it comes from. */
  readonly localAddress?: string
  /** Default: a connection of its own. */
  readonly agent?: Agent | false
  /** Rejects if nothing comes for so long. Default: it waits. */
  readonly deadlineMs?: number
}

/** One request; rejects when the connection breaks before the answer is complete. */
export function ask(
  port: number,
  { method = 'GET', path = '/', headers = {}, body, localAddress, agent = false, deadlineMs = 0 }: Asking = {}
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(
      { host: '127.0.0.1', port, method, path, headers, localAddress, agent, timeout: deadlineMs },
      answer => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () =>
          resolve({
            status: answer.statusCode as number,
            headers: answer.headers,
            rawHeaders: answer.rawHeaders,
            body: Buffer.concat(chunks)
          })
        )
      }
    )
    asking.on('error', reject)
    asking.on('timeout', () => asking.destroy(new Error(`no answer within ${deadlineMs} ms`)))
    asking.end(body)
  })
}
