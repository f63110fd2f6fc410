// `npm start`, with and without `-- --memcached`: it shows what runs, serves through the balancer, and leaves
// nothing behind.

import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import t from 'tap'
import { needs } from '../../support/cluster/programs.ts'
import { exists, inUse, launch } from './launcher.ts'

t.setTimeout(600_000)

const modes = [
  { args: [], programs: [], children: 3, front: /balancer http:/ },
  { args: ['--memcached'], programs: ['memcached', 'haproxy'], children: 7, front: /HAProxy http:/ }
]

for (const { args, programs, children, front } of modes) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    t.test(`${args.join()} until ${signal}`, async t => {
      if (!needs(t, ...programs)) return
      const folders = runFolders()
      const cluster = await launch(t, args)
      await cluster.started()
      t.match(cluster.stdout, front)
      for (const port of cluster.ports) t.match(cluster.stdout, `127.0.0.1:${port}`)
      for (const words of [
        'token 3000',
        'token 8000',
        'standby',
        `curl -d 'key=roof' -d 'val=red' ${cluster.url}/route`
      ]) {
        t.match(cluster.stdout, words)
      }

      const stored = await fetch(`${cluster.url}/route`, {
        method: 'POST',
        body: new URLSearchParams({ key: 'roof', val: 'red & gr\u00fcn' })
      })
      t.equal(await stored.text(), 'OK')
      for (let node = 0; node < 3; node++) {
        t.equal(
          await (await fetch(`${cluster.url}/route?key=roof`)).text(),
          'red & gr\u00fcn',
          'whichever node it reaches'
        )
      }
      const { ring } = (await (await fetch(`${cluster.url}/hash_ring`)).json()) as { ring: object }
      t.same(ring, { 3000: `127.0.0.1:${cluster.ports[1]}`, 8000: `127.0.0.1:${cluster.ports[2]}` })

      const pids = cluster.children()
      t.equal(pids.length, children)
      cluster.signal(signal)
      t.equal(await cluster.ended, 0)
      t.equal(cluster.stderr, '')
      t.same(pids.filter(exists), [])
      t.same(await inUse(cluster.ports), [])
      t.same(
        runFolders().filter(name => !folders.includes(name)),
        []
      )
    })
  }
}

t.test('told to stop while it starts', async t => {
  const cluster = await launch(t)
  while (cluster.children().length === 0) await new Promise(resolve => setImmediate(resolve))
  cluster.signal('SIGINT')
  t.equal(await cluster.ended, 0)
  t.same(await inUse(cluster.ports), [])
})

t.test('REPLICAS goes to the nodes, what stands for another node in the shell does not', async t => {
  const cluster = await launch(t, [], {
    REPLICAS: '1',
    PORT: '1',
    CLUSTER_TOKEN: 'secret',
    STORAGE: 'memcached'
  })
  await cluster.started()
  t.match(await (await fetch(`${cluster.url}/hash_ring`)).json(), { replicas: 1 })
})

function runFolders(): string[] {
  return readdirSync(tmpdir()).filter(name => /^ringkeep-[a-zA-Z0-9]{6}$/.test(name))
}
