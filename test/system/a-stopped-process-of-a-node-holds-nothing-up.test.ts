// A process that is stopped (SIGSTOP) answers nothing and does not end. A worker that is stopped loses its
// task to another; workers whose primary is stopped say that they are not ready; and a node that is stopped
// as a whole takes none of that for a fault of its own processes.

import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { forEach, get, put } from '../support/cluster/client.ts'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { until, type TestMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { WORKER_LOST_MS } from '../../src/core/processes/limits.ts'

t.setTimeout(300_000)

const KEYS = Array.from({ length: 200 }, (_, i) => `key ${i}`)
const OPTIONS = { storage: 'memcached', memcached: { socket: true }, env: { WORKERS: '2' } } as const

/** What `/readyz` answers on a connection of its own: the code, or `ready`. */
async function readiness({ url }: TestNode): Promise<string> {
  const answer = await fetch(`${url}/readyz`, {
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(2_000)
  })
  const { code = 'ready' } = (await answer.json()) as { code?: string }
  return code
}

const says = (node: TestNode, what: string) =>
  readiness(node).then(
    said => said === what,
    () => false
  )

t.test('the oldest worker, on a node that has to recover', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, { tokens: [1000, 4000, 7000], ...OPTIONS })
  const [node, other] = cluster.nodes as [TestNode, TestNode]
  await forEach(KEYS, key => put(other.url, key, `value of ${key}`))
  const [younger, oldest] = node.workers() as [number, number]
  // The one that stays is older than the one that comes for the other.
  process.kill(younger, 'SIGKILL')
  await until(
    'the worker is replaced',
    () => node.workers().length === 2 && !node.workers().includes(younger)
  )
  await until('the node is ready', () => says(node, 'ready'))
  process.kill(oldest, 'SIGSTOP')
  await (node.memcached as TestMemcached).restart()
  await until('it has recovered', () => node.output().includes('this node counts in quorums again'), 45_000)
  await until(
    'the stopped worker is replaced',
    () => node.workers().length === 2 && !node.workers().includes(oldest)
  )
  await cluster.ready()
  await forEach(KEYS, async key => {
    const value = (await get(node.url, key))?.toString()
    if (value !== `value of ${key}`) t.fail(`${key} is ${value}`)
  })
})

t.test('the primary', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, { tokens: [5000], replicas: 1, ...OPTIONS })
  const [node] = cluster.nodes as [TestNode]
  await put(node.url, 'k', 'v')
  const workers = node.workers()
  process.kill(node.pid, 'SIGSTOP')
  // Each worker in its own time: so many answers in a row come from both.
  await until('its workers say so', async () => {
    const said = await Promise.all(Array.from({ length: 16 }, () => readiness(node)))
    return said.every(code => code === 'KV_ERR_PRIMARY')
  })
  t.equal((await get(node.url, 'k'))?.toString(), 'v', 'requests are served')
  process.kill(node.pid, 'SIGCONT')
  await until('the node is ready', () => says(node, 'ready'))
  t.same(node.workers(), workers)
})

t.test('all of a node, for longer than a worker may be silent', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, { tokens: [2000, 5000, 8000], ...OPTIONS })
  const [node] = cluster.nodes as [TestNode]
  const workers = node.workers()
  node.pause()
  await pause(1.5 * WORKER_LOST_MS)
  node.resume()
  // A ring that comes into force needs every worker in time.
  await cluster.seed([2000, 5000, 8001])
  t.same(node.workers(), workers, 'no worker was ended')
  t.notMatch(node.output(), /ended|no task|primary process does not answer/)
})
