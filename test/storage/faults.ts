// Servers that misbehave on purpose: a proxy before a Memcached that cuts an answer short, and one that
// answers with whatever a test wants.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { type Test } from 'tap'

/** Listens on a free port until the end of the test and tells `host:port`. */
export async function serve(t: Test, onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    onSocket(socket)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

export interface Proxy {
  readonly address: string
  /** From now on each connection is cut when so many more bytes have come from Memcached; undefined: not. */
  cutAfter(bytes: number | undefined): void
  /** From now on each connection is cut in the middle of this text. */
  cutIn(text: string): void
}

/** A proxy to a Memcached on TCP. */
export async function startProxy(t: Test, target: string): Promise<Proxy> {
  const [host, port] = target.split(':')
  let left: number | undefined
  let cutText: string | undefined
  const address = await serve(t, client => {
    const upstream = connect(Number(port), host)
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    client.pipe(upstream)
    upstream.on('close', () => client.destroy())
    upstream.on('data', chunk => {
      const at = cutText === undefined ? -1 : chunk.indexOf(cutText)
      if (at >= 0) left = at + 3
      if (left === undefined || chunk.length < left) {
        if (left !== undefined) left -= chunk.length
        client.write(chunk)
        return
      }
      // `end` and not `destroy`: the bytes before the cut have to arrive.
      client.end(chunk.subarray(0, left))
      upstream.destroy()
    })
  })
  return {
    address,
    cutAfter(bytes) {
      left = bytes
    },
    cutIn(text) {
      cutText = text
    }
  }
}

/**
 * Answers the greeting of a connection as a Memcached with a sentinel does, and all later bytes as the test
 * says.
 */
export function fakeMemcached(t: Test, answer: (request: string, socket: Socket) => void): Promise<string> {
  return serve(t, socket => {
    socket.on('data', chunk => {
      const request = chunk.toString('latin1')
      if (request !== 'mg ring k v\r\nstats\r\n') return answer(request, socket)
      socket.write('VA 2 kring\r\n{}\r\nSTAT pid 1\r\nSTAT time 10\r\nSTAT uptime 5\r\nEND\r\n')
    })
  })
}
