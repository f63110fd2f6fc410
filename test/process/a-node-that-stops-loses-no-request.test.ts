// SIGTERM and SIGINT: what is in flight is answered, idle connections do not matter, and the exit code is 0.

import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { Pool } from 'undici'
import { freePort } from '../support/cluster/ports.ts'
import { until } from '../support/cluster/memcached.ts'
import { seed, spawnNode, untilAlive } from './spawn-node.ts'

async function start(t: Test) {
  const port = await freePort()
  const node = spawnNode(t, { HOST: '127.0.0.1', PORT: String(port) })
  await untilAlive(node, port)
  await seed(port)
  return { ...node, port }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} under load`, async t => {
    const { child, ended, output, port } = await start(t)
    const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 16 })
    t.teardown(() => pool.destroy())
    const failures: string[] = []
    let answered = 0
    // A client goes on until an answer tells that the connection ends with it.
    const clients = Array.from({ length: 16 }, async (_, client) => {
      for (let i = 0, last = false; !last; i++) {
        try {
          const { statusCode, headers, body } = await pool.request({
            path: `/kv/${client}`,
            method: i % 2 === 0 ? 'PUT' : 'GET',
            ...(i % 2 === 0 && { body: `${i}` })
          })
          await body.dump()
          if (statusCode !== 200 && statusCode !== 204) failures.push(`${statusCode}`)
          last = headers.connection === 'close'
          answered++
        } catch (error) {
          failures.push(String(error))
          last = true
        }
      }
    })
    await until('it is busy', () => answered > 200)
    child.kill(signal)
    await Promise.all(clients)
    t.same(await ended, { code: 0, signal: null })
    t.same(failures, [])
    t.equal(output.err, '')
  })
}

t.test('a request whose body is still on its way is answered', async t => {
  const { child, ended, output, port } = await start(t)
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk
  })
  socket.write('PUT /kv/k HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc')
  await until('it is there', async () => (await fetch(`http://127.0.0.1:${port}/livez`)).ok)
  child.kill('SIGTERM')
  await until('it is told', () => output.out.includes('"stopping"'))
  socket.write('def')
  t.same(await ended, { code: 0, signal: null })
  t.match(answer, /^HTTP\/1\.1 204 /)
})

t.test('a connection that was accepted last still has its request answered', async t => {
  const { child, ended, port } = await start(t)
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk
  })
  child.kill('SIGTERM')
  await until('no more are accepted', async () => !(await accepts(port)))
  socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  t.same(await ended, { code: 0, signal: null })
  t.match(answer, /^HTTP\/1\.1 200 /)
})

t.test('idle connections do not hold it up', async t => {
  const { child, ended, port } = await start(t)
  const idle = connect(port, '127.0.0.1')
  const used = connect(port, '127.0.0.1')
  t.teardown(() => {
    idle.destroy()
    used.destroy()
  })
  used.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(used, 'data')
  child.kill('SIGTERM')
  t.same(await ended, { code: 0, signal: null })
})

t.test('a client that never ends its request does not hold it up for ever', async t => {
  const { child, ended, port } = await start(t)
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.write('PUT /kv/k HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc')
  await until('it is there', async () => (await fetch(`http://127.0.0.1:${port}/livez`)).ok)
  child.kill('SIGTERM')
  t.same(await ended, { code: 0, signal: null })
})
