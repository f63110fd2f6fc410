// A node that has served goes on when its workers cannot listen for a while, such as for want of file
// descriptors. (One whose address has never worked ends: a-bad-start-is-one-line.)

import { execFileSync } from 'node:child_process'
import t from 'tap'
import { get, put } from '../support/cluster/client.ts'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { listens } from '../support/cluster/listening.ts'
import { until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(120_000)

/** Kills the workers, and stops those that come in their place before they listen. */
async function holdNewWorkers(node: TestNode): Promise<number[]> {
  const held: number[] = []
  await until('the new workers are stopped in time', async () => {
    const old = node.workers()
    for (const worker of old) process.kill(worker, 'SIGKILL')
    held.length = 0
    await until('both are replaced', () => {
      for (const worker of node.workers()) {
        if (old.includes(worker) || held.includes(worker)) continue
        process.kill(worker, 'SIGSTOP')
        held.push(worker)
      }
      return held.length === 2
    })
    return !held.some(worker => listens(worker, node.address))
  })
  return held
}

t.test('workers that cannot listen for a while', async t => {
  if (!needs(t, 'memcached', 'prlimit')) return
  const cluster = await startCluster(t, {
    tokens: [5000],
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [node] = cluster.nodes as [TestNode]
  await put(node.url, 'k', 'v')
  const limit = (files: number) => execFileSync('prlimit', ['--pid', String(node.pid), `--nofile=${files}:`])
  const held = await holdNewWorkers(node)
  // Not one file more for the primary, which opens the socket for its workers.
  limit(3)
  for (const worker of held) process.kill(worker, 'SIGCONT')
  await until('a worker says that it cannot listen', () =>
    /bind EMFILE.*a worker cannot listen/.test(node.output())
  )
  limit(1_024)
  await cluster.ready()
  await until(
    'both listen',
    () => node.workers().filter(worker => listens(worker, node.address)).length === 2
  )
  t.doesNotThrow(() => process.kill(node.pid, 0), 'the primary went on')
  t.equal((await get(node.url, 'k'))?.toString(), 'v')
})
