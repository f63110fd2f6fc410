// What one address may have open at the local balancer, so that no client keeps the others waiting. HAProxy
// does the same by a table.

import { type Server } from 'node:http'
import { type Socket } from 'node:net'
import { SOURCE_CONNECTIONS, SOURCE_CONNECTIONS_SILENT } from './limits.ts'

/**
 * Counts the server's connections by address and ends those that ask nothing beyond the bound. The function
 * tells whether a request's connection is beyond its share.
 */
export function shareConnections(server: Server): (socket: Socket) => boolean {
  const open = new Map<string, number>()
  const beyond = new WeakSet<Socket>()

  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? ''
    const count = (open.get(address) ?? 0) + 1
    open.set(address, count)
    socket.once('close', () => {
      const left = (open.get(address) as number) - 1
      if (left === 0) open.delete(address)
      else open.set(address, left)
    })
    if (count > SOURCE_CONNECTIONS_SILENT) socket.destroy()
    else if (count > SOURCE_CONNECTIONS) beyond.add(socket)
  })
  return socket => beyond.has(socket)
}
