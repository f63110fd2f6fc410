// Clients read, write and delete a few keys through every node, every worker and HAProxy, while a Memcached
// is paused, another comes back empty, workers are killed and a node dies. What they saw must be explained by
// one register per key.

import t from 'tap'
import { perform } from '../support/cluster/client.ts'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { startHaproxy } from '../support/cluster/haproxy.ts'
import { createHistory, describeViolation, runClients } from '../support/checker/history.ts'
import { until, type TestMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(600_000)

const SEED = Number(process.env.SYSTEM_SEED ?? 1)

t.test('a register history under faults is linearizable', async t => {
  if (!needs(t, 'memcached', 'haproxy')) return
  const cluster = await startCluster(t, {
    tokens: [1000, 4000, 7000],
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [first, second, third] = cluster.nodes as [TestNode, TestNode, TestNode]
  const balancer = await startHaproxy(
    t,
    cluster.nodes.map(({ address }) => address)
  )
  const doors = [...cluster.nodes.map(({ url }) => url), balancer.url]
  const history = createHistory()
  let goOn = true
  const clients = runClients({
    history,
    seed: SEED,
    clients: 12,
    keys: ['a', 'b', 'c', 'd'],
    reads: 0.45,
    deletes: 0.1,
    goOn: () => goOn,
    perform: (client, call) => perform(doors[client % doors.length] as string, call)
  })
  const more = (operations: number): Promise<void> => {
    const target = history.tally().ok + operations
    return until(`${operations} more operations have succeeded`, () => history.tally().ok >= target, 60_000)
  }
  const memcachedOf = (node: TestNode): TestMemcached => node.memcached as TestMemcached

  await more(300)
  memcachedOf(first).pause()
  await more(300)
  for (const worker of second.workers()) process.kill(worker, 'SIGKILL')
  await more(100)
  memcachedOf(first).resume()
  await cluster.ready()
  await more(300)
  await memcachedOf(second).restart()
  await more(200)
  await cluster.ready()
  await more(200)
  await third.kill()
  await more(300)
  await third.start()
  await cluster.ready()
  await more(300)
  await memcachedOf(third).restart()
  await cluster.ready()
  await more(300)
  goOn = false
  await clients

  t.comment(`seed ${SEED}: ${JSON.stringify(history.tally())}`)
  t.same(history.violations().map(describeViolation), [])
})
