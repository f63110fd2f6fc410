// A worker that stops before it has asked for the ring is watched by nobody else: it has a minute to get
// ready.

import t from 'tap'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { WORKER_START_MS } from '../../src/core/processes/limits.ts'

t.setTimeout(300_000)

t.test('a worker that is stopped as soon as it is there', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, {
    tokens: [5000],
    replicas: 1,
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [node] = cluster.nodes as [TestNode]
  const before = node.workers()
  process.kill(before[0] as number, 'SIGKILL')
  let late: number | undefined
  await until('another worker starts', () => {
    late = node.workers().find(worker => !before.includes(worker))
    return late !== undefined
  })
  process.kill(late as number, 'SIGSTOP')
  await until(
    'it is replaced',
    () => node.workers().length === 2 && !node.workers().includes(late as number),
    2 * WORKER_START_MS
  )
  await cluster.ready()
  t.match(node.output(), 'did not get ready in time')
})
