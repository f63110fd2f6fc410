// Connections that ask for one large value after another take turns, a few at a time, so that others' small
// requests do not wait behind all of theirs.

import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import fastify from 'fastify'
import t from 'tap'
import unsent from '../../../plugins/unsent/index.ts'
import { LARGE_ANSWER_BYTES, LARGE_AT_ONCE } from '../../../plugins/unsent/limits.ts'
import { createTurns } from '../../../plugins/unsent/turns.ts'
import { until } from '../../support/cluster/memcached.ts'

t.test('so many at a time, in their order; who leaves while it waits is passed over', async t => {
  const turns = createTurns(2)
  const begun: string[] = []
  const enter = (name: string) => turns.enter(() => begun.push(name))
  const leaveA = enter('a')
  const leaveB = enter('b')
  const leaveC = enter('c')
  enter('d')
  t.same(begun, ['a', 'b'])
  leaveC()
  leaveA()
  t.same(begun, ['a', 'b', 'd'])
  leaveA()
  enter('e')
  t.same(begun, ['a', 'b', 'd'], 'nobody leaves twice')
  leaveB()
  t.same(begun, ['a', 'b', 'd', 'e'])
})

t.test(
  'a connection waits for its turn only after a large answer, and until others have what they need',
  async t => {
    const app = fastify({ forceCloseConnections: true })
    await app.register(unsent)
    const large = Buffer.alloc(LARGE_ANSWER_BYTES + 1)
    const holding: Array<() => void> = []
    let asked = 0
    app.get('/large', async (request, reply) => {
      asked++
      if ((request.query as { hold?: string }).hold !== undefined) {
        await new Promise<void>(resolve => holding.push(resolve))
      }
      const answer = app.unsent.count(reply)
      answer.made()
      answer.hold(large.length)
      return reply.send(large)
    })
    app.get('/small', async () => 'v')
    await app.listen({ host: '127.0.0.1', port: 0 })
    t.teardown(() => app.close())

    const open = async () => {
      const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
      t.teardown(() => socket.destroy())
      await once(socket, 'connect')
      return (path: string) =>
        new Promise<void>(resolve => {
          let bytes = 0
          const wanted = path.startsWith('/large') ? large.length : 1
          socket.removeAllListeners('data').on('data', chunk => {
            if ((bytes += chunk.length) >= wanted) resolve()
          })
          socket.write(`GET ${path} HTTP/1.1\r\nHost: n\r\n\r\n`)
        })
    }
    const clients = await Promise.all(Array.from({ length: LARGE_AT_ONCE + 1 }, open))
    const [first, ...others] = clients as [(typeof clients)[number], ...typeof clients]
    for (const ask of clients) await ask('/large')
    const held = others.map(ask => ask('/large?hold'))
    await until('as many as may be are under way', () => holding.length === LARGE_AT_ONCE)
    const last = first('/large')
    const small = await open()
    await small('/small')
    await small('/large')
    t.equal(
      asked,
      2 * LARGE_AT_ONCE + 2,
      'a connection that had no large answer before waits for nobody; the last one does'
    )
    holding.shift()?.()
    await last
    for (const finish of holding) finish()
    await Promise.all(held)
  }
)
