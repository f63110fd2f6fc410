// HAProxy is the only door of `npm start -- --memcached`, so it comes back when it dies; every other process
// has others that stand in for it.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { until } from '../../support/cluster/memcached.ts'
import { needs } from '../../support/cluster/programs.ts'
import { inUse, launch, type Launcher } from './launcher.ts'

const haproxies = (cluster: Launcher) => cluster.children().filter(pid => nameOf(pid) === 'haproxy')

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return 'gone'
  }
}

t.test('killed again and again', async t => {
  if (!needs(t, 'memcached', 'haproxy')) return
  const cluster = await launch(t, ['--memcached'])
  await cluster.started()
  await fetch(`${cluster.url}/route`, { method: 'POST', body: new URLSearchParams({ key: 'a', val: 'b' }) })
  for (let times = 1; times <= 3; times++) {
    const [victim, ...others] = haproxies(cluster)
    t.same(others, [])
    process.kill(victim as number, 'SIGKILL')
    await until(
      'another one serves',
      async () =>
        !haproxies(cluster).includes(victim as number) &&
        (await fetch(`${cluster.url}/route?key=a`).then(
          async answer => (await answer.text()) === 'b',
          () => false
        ))
    )
    t.equal(
      cluster.stderr.match(
        /^ringkeep: HAProxy ended by itself \(SIGKILL.*\) and is started again; the rest goes on$/gm
      )?.length,
      times
    )
  }
  const last = haproxies(cluster)
  cluster.signal('SIGINT')
  t.equal(await cluster.ended, 0)
  t.same(last.map(nameOf), ['gone'])
  t.same(await inUse(cluster.ports), [])
})

t.test('told to stop while it is away', async t => {
  if (!needs(t, 'memcached', 'haproxy')) return
  const cluster = await launch(t, ['--memcached'])
  await cluster.started()
  const [victim] = haproxies(cluster)
  process.kill(victim as number, 'SIGKILL')
  await until('it is reported', () => cluster.stderr !== '')
  cluster.signal('SIGINT')
  t.equal(await cluster.ended, 0)
  t.same(await inUse(cluster.ports), [])
})
