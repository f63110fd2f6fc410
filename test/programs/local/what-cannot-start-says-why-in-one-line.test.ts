// A start that cannot succeed leaves one clear line, exit code 1, and nothing running.

import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { locateProgram } from '../../../src/programs/local/programs.ts'
import { freePort } from '../../support/cluster/ports.ts'
import { inUse, launch } from './launcher.ts'

t.setTimeout(600_000)

const oneLine = (what: string): RegExp => new RegExp(`^ringkeep: [^\\n]*${what}[^\\n]*\\n$`)

for (const taken of [0, 1, 3]) {
  t.test(`port ${taken} of the four is in use`, async t => {
    const ports: number[] = []
    while (ports.length < 4) ports.push(await freePort())
    const server = createServer().listen(ports[taken], '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => server.close())
    const cluster = await launch(t, [], {}, ports)
    t.equal(await cluster.ended, 1)
    t.match(cluster.stderr, oneLine(`port ${ports[taken]} .*in use`))
    t.equal(cluster.stdout, '')
    t.same(await inUse(ports), [ports[taken]])
  })
}

for (const { args, words } of [
  { args: ['--bogus'], words: 'unknown argument --bogus' },
  { args: ['extra'], words: 'unknown argument extra' },
  { args: ['--ports', '1,2,3'], words: '--ports takes four different ports' },
  { args: ['--ports', '1,2,3,3'], words: '--ports takes four different ports' },
  { args: ['--ports', '1,2,3,70000'], words: '--ports takes four different ports' },
  { args: ['--ports'], words: '--ports takes four different ports' }
]) {
  t.test(args.join(' '), async t => {
    const cluster = await launch(t, args)
    t.equal(await cluster.ended, 1)
    t.match(cluster.stderr, oneLine(words))
  })
}

t.test('a missing program is named with its package', async t => {
  if (['/usr/sbin', '/usr/local/sbin'].some(folder => locateProgram('memcached')?.startsWith(folder))) {
    return t.pass('it is found without PATH here')
  }
  const cluster = await launch(t, ['--memcached'], { PATH: '/nowhere' })
  t.equal(await cluster.ended, 1)
  t.match(cluster.stderr, oneLine('memcached is not installed.*apt-get install memcached'))
})

t.test('a node that refuses its environment', async t => {
  const cluster = await launch(t, [], { REPLICAS: 'many' })
  t.equal(await cluster.ended, 1)
  t.match(cluster.stderr, /ringkeep: node .* did not start: .*REPLICAS/)
  t.same(await inUse(cluster.ports), [])
})

t.test('--help explains and starts nothing', async t => {
  const cluster = await launch(t, ['--help'])
  t.equal(await cluster.ended, 0)
  t.match(cluster.stdout, /--memcached[^]*--ports[^]*REPLICAS/)
  t.equal(cluster.stderr, '')
})
