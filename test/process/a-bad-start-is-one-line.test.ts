// What keeps a node from starting is told in one line that names the variable, and the exit code is 1.

import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { spawnNode } from './spawn-node.ts'

async function refused(t: Test, environment: { [name: string]: string }, name: string): Promise<void> {
  const { ended, output } = spawnNode(t, environment)
  t.same(await ended, { code: 1, signal: null })
  t.match(output.err, /^ringkeep: [^\n]+\n$/)
  t.match(output.err, new RegExp(`\\b${name}\\b`))
}

// One for each variable; every value of each is tried where the configuration is read.
const BAD: { readonly [name: string]: { [name: string]: string } } = {
  PORT: { PORT: 'x' },
  NODE_ADDRESS: { NODE_ADDRESS: 'nowhere' },
  STORAGE: { STORAGE: 'disk' },
  MEMCACHED: { MEMCACHED: '127.0.0.1:1' },
  WORKERS: { WORKERS: '2' },
  REPLICAS: { REPLICAS: '0' },
  CLUSTER_TOKEN: { CLUSTER_TOKEN: 'a b' },
  LOG_LEVEL: { LOG_LEVEL: 'loud' },
  TLS_CERT: { TLS_CERT: '/nowhere', TLS_KEY: '/nowhere', TLS_CA: '/nowhere' },
  // An address for documentation, which no machine has.
  HOST: { HOST: '192.0.2.1' }
}
for (const [name, environment] of Object.entries(BAD)) {
  t.test(`${name} is named`, t => refused(t, environment, name))
}

t.test('a port in use', async t => {
  const server = createServer()
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await refused(t, { HOST: '127.0.0.1', PORT: String((server.address() as AddressInfo).port) }, 'PORT')
})

t.test('a folder that cannot be used', t => {
  const file = join(t.testdir(), 'file')
  writeFileSync(file, '')
  return refused(t, { STATE_DIR: join(file, 'below') }, 'STATE_DIR')
})

t.test('a damaged ring file', t => {
  const folder = join(t.testdir(), 'state')
  mkdirSync(folder)
  writeFileSync(join(folder, 'ring.json'), '{"ring":')
  return refused(t, { STATE_DIR: folder }, 'STATE_DIR')
})
