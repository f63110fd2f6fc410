// What has been answered and not yet sent. A client that asks and does not read must not fill memory: large
// answers are counted until they have left, requests of one connection are carried out one after another, and
// a client that reads nothing is cut off in the end.

import { type Socket } from 'node:net'
import fp from 'fastify-plugin'
import { type FastifyReply } from 'fastify'
import { UNSENT_BYTES } from '../../src/limits.ts'
import { createTurns, type Turns } from './turns.ts'
import { createConnections, type Connection, type Connections } from './connections.ts'
import {
  LARGE_ANSWER_BYTES,
  LARGE_AT_ONCE,
  PIPELINED_REQUEST_BYTES,
  PIPELINED_REQUESTS,
  UNSENT_LOOK_MS,
  UNSENT_PATIENCE_MS,
  UNSENT_STALL_MS
} from './limits.ts'

/** An answer whose bytes are counted, until it has been sent or its connection has ended. */
export interface CountedAnswer {
  /** Counts so many more. False: there is no room for them, or nobody to send them to. */
  hold(bytes: number): boolean
  /** Nothing more is read for it. */
  made(): void
}

export interface Unsent {
  /** `ended` is called when the answer has been sent, or cannot be any more. */
  count(reply: FastifyReply, ended?: () => void): CountedAnswer
  /**
   * Ends answers whose clients have taken nothing for long, the oldest first, until so much has been given
   * back or there are no more of them.
   */
  relieve(bytes: number): void
  /** Bytes that are counted now. */
  readonly bytes: number
}

declare module 'fastify' {
  interface FastifyInstance {
    unsent: Unsent
  }
}

/** What tests make smaller. */
export interface UnsentOptions {
  readonly secure?: boolean
  readonly limitBytes?: number
  readonly lookMs?: number
  readonly patienceMs?: number
  readonly stallMs?: number
}

export default fp<UnsentOptions>(
  async (app, options) => {
    const {
      secure = false,
      limitBytes = UNSENT_BYTES,
      lookMs = UNSENT_LOOK_MS,
      patienceMs = UNSENT_PATIENCE_MS,
      stallMs = UNSENT_STALL_MS
    } = options
    const connections = createConnections({
      limitBytes,
      patienceLooks: Math.ceil(patienceMs / lookMs),
      stallLooks: Math.ceil(stallMs / lookMs)
    })
    app.server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
      connections.of(socket)
    })

    const timer = setInterval(() => {
      const stalled = connections.look()
      if (stalled > 0) {
        app.log.info(
          { connections: stalled },
          'closed connections whose clients did not read what they had asked for'
        )
      }
    }, lookMs).unref()
    app.addHook('onClose', async () => clearInterval(timer))

    app.decorate('unsent', {
      get bytes() {
        return connections.bytes
      },
      relieve: connections.relieve,
      count({ raw }: FastifyReply, ended?: () => void): CountedAnswer {
        const connection = connections.of(raw.socket)
        let held: number | undefined = 0
        raw.once('close', () => {
          if (connection !== undefined) connections.giveBack(connection, held as number)
          held = undefined
          ended?.()
        })
        return {
          hold(bytes) {
            if (held === undefined || connection === undefined || !connections.take(connection, bytes)) {
              return false
            }
            held += bytes
            if (held > LARGE_ANSWER_BYTES) connection.isLarge = true
            return true
          },
          made() {
            connection?.leave?.()
          }
        }
      }
    })

    // The answer to a request that came while another one was under way gets the connection when that one's
    // has been sent as a whole.
    const turns = createTurns(LARGE_AT_ONCE)
    app.addHook('onRequest', (request, reply, done) => {
      const connection = connections.of(request.raw.socket)
      if (reply.raw.socket === null) {
        if (connection !== undefined) {
          waitForConnection(connections, connection, reply, () =>
            waitForLarge(turns, connection, reply, done)
          )
        }
      } else if (connection?.isLarge === true) {
        waitForLarge(turns, connection, reply, done)
      } else {
        done()
      }
    })
  },
  { name: 'unsent' }
)

/**
 * Carries the request on when the connection is free for its answer. Too many that wait are the end of the
 * connection: they cannot be refused before their turn.
 */
function waitForConnection(
  connections: Connections,
  connection: Connection,
  { raw }: FastifyReply,
  goOn: () => void
): void {
  if (connection.waiting === PIPELINED_REQUESTS || !connections.take(connection, PIPELINED_REQUEST_BYTES)) {
    return connections.end(connection.socket)
  }
  connection.waiting++
  raw.once('socket', () => {
    connection.waiting--
    connections.giveBack(connection, PIPELINED_REQUEST_BYTES)
    // Node is not through with handing the connection over.
    queueMicrotask(goOn)
  })
}

/**
 * Carries the request on at once, unless the last answer on its connection was a large one: then when it is
 * its turn among those.
 */
function waitForLarge(turns: Turns, connection: Connection, { raw }: FastifyReply, goOn: () => void): void {
  if (!connection.isLarge) return goOn()
  connection.isLarge = false
  connection.leave = turns.enter(goOn)
  raw.once('close', connection.leave)
}
