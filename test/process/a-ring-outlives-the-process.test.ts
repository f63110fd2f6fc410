// With a state folder the ring is there again after a restart, also after SIGKILL; without one the node
// starts anew.

import { join } from 'node:path'
import t from 'tap'
import { freePort } from '../support/cluster/ports.ts'
import { until } from '../support/cluster/memcached.ts'
import { seed, spawnNode, untilAlive } from './spawn-node.ts'

const ringOf = (port: number) => fetch(`http://127.0.0.1:${port}/hash_ring`)

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  t.test(`after ${signal}`, async t => {
    const port = await freePort()
    const environment = { HOST: '127.0.0.1', PORT: String(port), STATE_DIR: join(t.testdir(), 'state') }
    const first = spawnNode(t, environment)
    await untilAlive(first, port)
    await seed(port)
    const ring = await (await ringOf(port)).text()
    first.child.kill(signal)
    await first.ended
    const second = spawnNode(t, environment)
    await untilAlive(second, port)
    t.equal(await (await ringOf(port)).text(), ring)
    await until('it is ready', async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok)
    t.match(second.output.out, /came back empty/, 'its pairs went with its memory, and it says so')
  })
}

t.test('without a folder', async t => {
  const port = await freePort()
  const environment = { HOST: '127.0.0.1', PORT: String(port) }
  const first = spawnNode(t, environment)
  await untilAlive(first, port)
  await seed(port)
  first.child.kill('SIGTERM')
  await first.ended
  await untilAlive(spawnNode(t, environment), port)
  t.equal((await ringOf(port)).status, 503)
})
