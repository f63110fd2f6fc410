// The connections of a process: how many bytes are counted for each, and whether its client takes them. All
// of them together have a budget. Where it is used up, the connections whose clients have taken nothing for
// the longest time are closed to make room.

import { type Socket } from 'node:net'

export interface Connection {
  readonly socket: Socket
  /** Bytes of the budget that it has. */
  held: number
  /**
   * True if the last answer was large; and what ends the turn of a request that had to wait for one because
   * of that.
   */
  isLarge: boolean
  leave: (() => void) | undefined
  /** Requests that wait for the answers before theirs. */
  waiting: number
  /** Bytes that the system had not taken at the last look, and for how many looks this has been so. */
  left: number
  quietLooks: number
}

export interface Connections {
  readonly bytes: number
  /** The connection of a socket, from its first mention on; undefined: it has ended. */
  of(socket: Socket | null): Connection | undefined
  /** False: there is no room for so much. */
  take(connection: Connection, bytes: number): boolean
  giveBack(connection: Connection, bytes: number): void
  /**
   * Closes connections whose clients have taken nothing for long, until so much has been given back or there
   * are no more of them.
   */
  relieve(bytes: number): void
  /** Closes it and gives back what it has. */
  end(socket: Socket): void
  /**
   * Sees which clients take what waits for them, and closes those that have not for too long; returns how
   * many.
   */
  look(): number
}

export interface ConnectionsOptions {
  readonly limitBytes: number
  /** After so many looks in which nothing was taken, a connection may be closed to make room. */
  readonly patienceLooks: number
  /** After so many it is closed in any case. A process that was held up itself has looked once. */
  readonly stallLooks: number
}

export function createConnections({
  limitBytes,
  patienceLooks,
  stallLooks
}: ConnectionsOptions): Connections {
  const connections = new Map<Socket, Connection>()
  let bytes = 0
  /** Those that may be closed to make room, the one that has been quiet for the longest time last. */
  let quiet: Connection[] = []

  function of(socket: Socket | null): Connection | undefined {
    if (socket === null || socket.destroyed) return undefined
    const known = connections.get(socket)
    if (known !== undefined) return known
    const connection = {
      socket,
      held: 0,
      isLarge: false,
      leave: undefined,
      waiting: 0,
      left: 0,
      quietLooks: 0
    }
    connections.set(socket, connection)
    socket.once('close', () => end(socket))
    return connection
  }

  function end(socket: Socket): void {
    const connection = connections.get(socket)
    if (connection === undefined) return
    connections.delete(socket)
    connection.leave?.()
    bytes -= connection.held
    connection.held = 0
    socket.destroy()
  }

  function relieve(less: number): void {
    const wanted = bytes - less
    while (bytes > wanted) {
      const connection = quiet.pop()
      if (connection === undefined) return
      if (connection.held > 0 && leftOf(connection.socket) === connection.left) end(connection.socket)
    }
  }

  function look(): number {
    let stalled = 0
    quiet = []
    for (const connection of connections.values()) {
      const left = leftOf(connection.socket)
      connection.quietLooks = left > 0 && left === connection.left ? connection.quietLooks + 1 : 0
      connection.left = left
      if (connection.quietLooks >= stallLooks) {
        stalled++
        end(connection.socket)
      } else if (connection.quietLooks >= patienceLooks) {
        quiet.push(connection)
      }
    }
    // Of those that fell quiet between the same two looks, the one that is there longer goes first.
    quiet.reverse().sort((a, b) => a.quietLooks - b.quietLooks)
    return stalled
  }

  return {
    get bytes() {
      return bytes
    },
    of,
    take(connection, more) {
      if (bytes + more > limitBytes) relieve(bytes + more - limitBytes)
      if (bytes + more > limitBytes || !connections.has(connection.socket)) return false
      bytes += more
      connection.held += more
      return true
    },
    giveBack(connection, less) {
      // What it had was given back as a whole when it ended.
      if (!connections.has(connection.socket)) return
      bytes -= less
      connection.held -= less
    },
    relieve,
    end,
    look
  }
}

/**
 * Bytes that have been written and that the system has not taken. `writableLength` changes only when the
 * whole of a write has been taken, which for a large value and a slow client is long; the rest of it Node
 * keeps here, where its own timeouts find it.
 */
function leftOf(socket: Socket): number {
  if (socket.writableLength === 0) return 0
  const { _handle: handle } = socket as unknown as {
    readonly _handle?: { readonly writeQueueSize?: number } | null
  }
  return handle?.writeQueueSize ?? socket.writableLength
}
