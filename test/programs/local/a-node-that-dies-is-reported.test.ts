// A process of the running cluster that ends by itself is reported in one line, and the rest goes on.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { until } from '../../support/cluster/memcached.ts'
import { inUse, launch } from './launcher.ts'

t.test('a killed standby', async t => {
  const cluster = await launch(t)
  await cluster.started()
  await fetch(`${cluster.url}/route`, { method: 'POST', body: new URLSearchParams({ key: 'a', val: 'b' }) })
  const standby = cluster
    .children()
    .find(pid => readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`PORT=${cluster.ports[3]}\0`))
  process.kill(standby as number, 'SIGKILL')
  await until('it is reported', () => cluster.stderr !== '')
  t.match(cluster.stderr, /^ringkeep: node 127\.0\.0\.1:\d+ ended by itself \(SIGKILL\); the rest goes on\n$/)
  for (let times = 0; times < 6; times++) {
    t.equal(await (await fetch(`${cluster.url}/route?key=a`)).text(), 'b')
  }
  cluster.signal('SIGINT')
  t.equal(await cluster.ended, 0)
  t.same(await inUse(cluster.ports), [])
})
