// Clients that ask and do not read fill no memory: requests of one connection are carried out one after
// another, answers that have not been sent have a budget, and who takes nothing makes room for the others,
// and is cut off in the end. Who reads slowly gets everything.

import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import unsent, { type UnsentOptions } from '../../../plugins/unsent/index.ts'
import { PIPELINED_REQUESTS } from '../../../plugins/unsent/limits.ts'
import { until } from '../../support/cluster/memcached.ts'

/** More than the buffers of both ends take. */
const LARGE_BYTES = 16 * 1024 * 1024
const NEVER_MS = 600_000

interface Served {
  readonly app: FastifyInstance
  readonly carriedOut: () => number
}

/** A server that answers `/large`, whose bytes are counted, and `/small`. */
async function serve(t: Test, options: UnsentOptions): Promise<Served> {
  let carriedOut = 0
  const app = fastify({ forceCloseConnections: true })
  await app.register(unsent, { lookMs: 10, patienceMs: NEVER_MS, stallMs: NEVER_MS, ...options })
  const large = Buffer.alloc(LARGE_BYTES, 'v')
  app.get('/large', (_request, reply) => {
    carriedOut++
    if (app.unsent.count(reply).hold(LARGE_BYTES)) reply.send(large)
    else reply.code(503).send('no room')
  })
  app.get('/small', (_request, reply) => {
    carriedOut++
    reply.send('v')
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return { app, carriedOut: () => carriedOut }
}

/** A connection that asks so many times at once and does not read. */
async function ask(t: Test, { app }: Served, path: string, times = 1): Promise<Socket> {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.pause().on('error', () => {})
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: n\r\n\r\n`.repeat(times))
  return socket
}

/**
 * Reads until the text was there so many times, and ends the connection. Throws where the other side ends it
 * before.
 */
async function read(socket: Socket, text: string, times = 1): Promise<void> {
  let found = 0
  for await (const chunk of socket) {
    found += (chunk as Buffer).toString('latin1').split(text).length - 1
    if (found >= times) return
  }
  throw new Error(`${text} came ${found} times of ${times}`)
}

/** Reads what there is until the other side ends the connection; how much it was. */
async function rest(socket: Socket): Promise<number> {
  socket.resume()
  await until('the other side ends the connection', () => socket.destroyed)
  return socket.bytesRead
}

t.test(
  'requests of one connection are carried out one after another, each when the answer before it has ' +
    'been sent',
  async t => {
    const served = await serve(t, {})
    const socket = await ask(t, served, '/large', 40)
    await until('the first is answered', () => served.carriedOut() > 0)
    const other = await ask(t, served, '/small')
    await read(other, 'HTTP/1.1 200')
    t.equal(served.carriedOut(), 2, 'the other, and one of the forty')
    t.ok(served.app.unsent.bytes < 2 * LARGE_BYTES)
    socket.resume()
    await until('all have come', () => socket.bytesRead > 40 * LARGE_BYTES)
    await until('nothing is counted any more', () => served.app.unsent.bytes === 0)
    t.equal(served.carriedOut(), 41)
  }
)

t.test('requests that are sent together are answered in their order', async t => {
  const served = await serve(t, {})
  const socket = await ask(t, served, '/small', PIPELINED_REQUESTS)
  await read(socket, 'HTTP/1.1 200', PIPELINED_REQUESTS)
  t.equal(served.carriedOut(), PIPELINED_REQUESTS)
  t.equal(served.app.unsent.bytes, 0)
})

t.test('too many that wait end the connection', async t => {
  const served = await serve(t, {})
  const socket = await ask(t, served, '/large', PIPELINED_REQUESTS + 2)
  await until('it is closed', () => served.app.unsent.bytes === 0 && served.carriedOut() > 0)
  t.ok((await rest(socket)) < LARGE_BYTES)
})

t.test('what has no room is refused until an answer has been sent or its client has gone', async t => {
  const served = await serve(t, { limitBytes: 2 * LARGE_BYTES })
  const [first, second] = [await ask(t, served, '/large'), await ask(t, served, '/large')]
  await until('both are counted', () => served.app.unsent.bytes === 2 * LARGE_BYTES)
  await read(await ask(t, served, '/large'), 'HTTP/1.1 503')
  first.destroy()
  await until('the first has gone', () => served.app.unsent.bytes === LARGE_BYTES)
  await read(await ask(t, served, '/large'), 'HTTP/1.1 200')
  second.resume()
  await until('the second has got all of it', () => second.bytesRead > LARGE_BYTES)
  await until('nothing is counted any more', () => served.app.unsent.bytes === 0)
  t.pass()
})

t.test('whoever takes nothing makes room, the one that has done so for the longest time first', async t => {
  const served = await serve(t, { limitBytes: 2 * LARGE_BYTES, patienceMs: 50 })
  const oldest = await ask(t, served, '/large')
  await until('it is counted', () => served.app.unsent.bytes === LARGE_BYTES)
  const younger = await ask(t, served, '/large')
  await until('both are counted', () => served.app.unsent.bytes === 2 * LARGE_BYTES)
  await until('another is served', async () => {
    const socket = await ask(t, served, '/large')
    const answer = (await once(socket.resume(), 'data'))[0] as Buffer
    socket.destroy()
    return answer.includes('HTTP/1.1 200')
  })
  t.ok((await rest(oldest)) < LARGE_BYTES, 'the oldest was closed')
  await until('only the younger is counted', () => served.app.unsent.bytes === LARGE_BYTES)
  younger.resume()
  await until('the younger has got all of it', () => younger.bytesRead > LARGE_BYTES)
})

t.test('whoever takes nothing is cut off in the end', async t => {
  const served = await serve(t, { stallMs: 100 })
  const socket = await ask(t, served, '/large')
  await until('it is closed', () => served.carriedOut() === 1 && served.app.unsent.bytes === 0)
  t.ok((await rest(socket)) < LARGE_BYTES)
  const quiet = await ask(t, served, '/small')
  await read(await ask(t, served, '/small'), 'HTTP/1.1 200')
  t.notOk(quiet.destroyed, 'a connection for which nothing waits stays')
})

t.test('whoever reads slowly gets everything', async t => {
  const served = await serve(t, { stallMs: 200 })
  const socket = await ask(t, served, '/large')
  const beganMs = performance.now()
  // Some 64 kB at a time, so that the whole takes several times as long as a client may take nothing.
  socket
    .on('data', () => {
      socket.pause()
      setTimeout(() => socket.resume(), 4)
    })
    .resume()
  await until('all of it has come', () => socket.bytesRead > LARGE_BYTES)
  t.ok(performance.now() - beganMs > 400)
  t.notOk(socket.destroyed)
})
