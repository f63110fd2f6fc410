// What an operator and a balancer ask first: does the process live, and can it serve.

import { type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { CATALOGUE, KvError } from '../../src/errors.ts'
import { STOP_ACCEPTED_MS, STOP_IN_FLIGHT_MS, STOP_NOTICE_MS } from '../../src/limits.ts'
import { namesNode } from '../../src/core/ring/ring.ts'
import { type Keeper } from '../../src/keeper/keeper.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Makes `/readyz` say no, so that balancers look elsewhere, and ends each connection with its next
     * answer; when they have had the time, accepts no more connections. Resolves when those accepted are
     * through, or had the time; until then everything is still served.
     */
    giveNotice(): Promise<void>
  }
}

function recovering(waitsFor: string | undefined): KvError {
  return new KvError('KV_ERR_RECOVERING', waitsFor && `${CATALOGUE.KV_ERR_RECOVERING.text}: ${waitsFor}`)
}

const OPEN = { config: { open: true } }

export default fp<{ readonly keeper: Keeper }>(
  async (app, { keeper }) => {
    const { ring, storage, peers } = app
    let stopping = false
    app.decorate('giveNotice', async () => {
      stopping = true
      app.server.prependListener('request', (_request, response) => {
        response.shouldKeepAlive = false
      })
      await pause(STOP_NOTICE_MS)
      // Connections that are not yet accepted are left to the next process on this port.
      const allEnded = new Promise(resolve => {
        app.server.close(resolve)
      })
      await Promise.race([allEnded, pause(STOP_ACCEPTED_MS)])
    })

    const sockets = new Set<Socket>()
    app.server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    app.addHook('preClose', async () => {
      // Node closes idle connections, but takes one that has not sent anything yet for a busy one.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
      setTimeout(() => app.server.closeAllConnections(), STOP_IN_FLIGHT_MS).unref()
    })

    /** Throws what keeps this process from serving. */
    async function checkReady(): Promise<void> {
      if (stopping) throw new KvError('KV_ERR_STOPPING')
      if (!ring.hasKeeper()) throw new KvError('KV_ERR_PRIMARY')
      await storage.stats()
      if (ring.view === undefined || !ring.serving) throw new KvError('KV_ERR_NO_RING')
      if (ring.isBehind()) {
        throw new KvError('KV_ERR_INSTALL', 'a newer ring could not be taken over; the log says why')
      }
      peers.checkAgreement()
      if (storage.incarnation === 0 && namesNode(ring.view.ring, ring.node)) {
        throw recovering(await keeper.waitsFor().catch(() => undefined))
      }
    }

    app.get('/', OPEN, (_request, reply) => {
      reply.type('text/plain; charset=utf-8').send(`Ringkeep node ${ring.node} is running\n`)
    })

    app.get('/livez', OPEN, (_request, reply) => {
      reply.send({ alive: true, node: ring.node })
    })

    app.get('/readyz', OPEN, async (_request, reply) => {
      await checkReady()
      const { clockSkewMs } = peers
      return reply.send({ ready: true, node: ring.node, ...(clockSkewMs !== undefined && { clockSkewMs }) })
    })
  },
  { name: 'health', dependencies: ['storage', 'ring', 'peers'] }
)
