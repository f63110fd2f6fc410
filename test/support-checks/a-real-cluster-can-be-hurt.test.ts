// The harness for system tests: real nodes are started, seeded, killed, paused, stopped and started again,
// and what clients saw meanwhile goes to the checker.

import t from 'tap'
import { childrenOf, startCluster, type TestNode } from '../support/cluster/cluster.ts'
import {
  createHistory,
  describeViolation,
  runClients,
  type Call,
  type Outcome
} from '../support/checker/history.ts'
import { startHaproxy } from '../support/cluster/haproxy.ts'
import { until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(600_000)

/** One operation over HTTP; everything but a clear answer has an unknown outcome. */
async function perform(url: string, { kind, key, value }: Call): Promise<Outcome> {
  const method = kind === 'read' ? 'GET' : kind === 'write' ? 'PUT' : 'DELETE'
  const init = { method, signal: AbortSignal.timeout(5000), ...(value === undefined ? {} : { body: value }) }
  const answer = await fetch(`${url}/kv/${key}`, init)
  const text = await answer.text()
  if (kind !== 'read') return answer.status === 204 ? { kind: 'ok' } : { kind: 'unknown' }
  if (answer.status === 200) return { kind: 'ok', value: text }
  return answer.status === 404 ? { kind: 'ok', value: undefined } : { kind: 'unknown' }
}

t.test('embedded storage: nodes stop, are killed and come back', async t => {
  const cluster = await startCluster(t, { tokens: [1000, 4000, 7000], standbys: 1, replicas: 1 })
  const [first, second, , standby] = cluster.nodes as [TestNode, TestNode, TestNode, TestNode]
  t.same(await perform(standby.url, { kind: 'write', key: 'a', value: '1' }), { kind: 'ok' })
  t.same(await perform(first.url, { kind: 'read', key: 'a' }), { kind: 'ok', value: '1' })
  t.same(first.workers(), [])

  t.equal(await first.stop(), 0)
  t.notOk(await first.isReady())
  await first.start()
  await second.kill()
  await second.start()
  await cluster.seed([1000, 4000, 7000, 9000])
  t.ok(await first.isReady())
  t.same(await perform(second.url, { kind: 'write', key: 'a', value: '2' }), { kind: 'ok' })
})

t.test('real Memcached and HAProxy: a node is killed and another paused while clients work', async t => {
  if (!needs(t, 'memcached', 'haproxy')) return
  const cluster = await startCluster(t, {
    tokens: [1000, 4000, 7000],
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [first, second, third] = cluster.nodes as [TestNode, TestNode, TestNode]
  const { url } = await startHaproxy(
    t,
    cluster.nodes.map(({ address }) => address)
  )
  t.equal(first.workers().length, 2)

  const history = createHistory()
  let goOn = true
  const clients = runClients({
    history,
    seed: 1,
    clients: 8,
    keys: ['a', 'b', 'c'],
    reads: 0.5,
    deletes: 0.1,
    goOn: () => goOn,
    perform: (_, call) => perform(url, call)
  })
  const more = (operations: number): Promise<void> => {
    const target = history.tally().ok + operations
    return until(`${operations} more operations have succeeded`, () => history.tally().ok >= target, 60_000)
  }
  await more(200)
  const [worker] = second.workers() as [number]
  process.kill(worker, 'SIGKILL')
  await until(
    'the worker is replaced',
    () => second.workers().length === 2 && !second.workers().includes(worker)
  )
  await more(100)
  await first.kill()
  await more(200)
  await first.start()
  await cluster.ready()
  third.pause()
  await more(200)
  third.resume()
  await cluster.ready()
  await more(100)
  goOn = false
  await clients
  t.comment(JSON.stringify(history.tally()))
  t.same(history.violations().map(describeViolation), [])
})

t.test('nothing is left of a cluster after its test', async t => {
  const before = childrenOf(process.pid)
  await t.test('a cluster', async t => {
    await startCluster(t, { tokens: [1] })
    t.ok(childrenOf(process.pid).length > before.length)
  })
  t.same(childrenOf(process.pid), before)
})
