// A worker that is killed costs no more than the requests it held; a node that is told to stop loses none and
// exits 0; a primary that is killed takes its workers along, and comes back with the ring it had.

import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import t from 'tap'
import { get, put } from '../support/cluster/client.ts'
import { childrenOf, startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { startHaproxy } from '../support/cluster/haproxy.ts'
import { listens } from '../support/cluster/listening.ts'
import { until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(600_000)

const CONNECTIONS = 16

interface Count {
  answered: number
  failed: number
}

/** Requests over and over on an open connection, until `stopped`; counts the answers and the failures. */
async function hammer(url: string, count: Count, stopped: () => boolean): Promise<void> {
  const agent = new Agent({ connections: 1, pipelining: 1 })
  while (!stopped()) {
    try {
      const { statusCode, body } = await request(`${url}/route?key=k`, { dispatcher: agent })
      await body.dump()
      if (statusCode === 200) count.answered++
      else count.failed++
    } catch (error) {
      // Refused: nobody listens at the moment, since the other worker has only just been started. This is no
      // request that was lost.
      if ((error as { code?: string }).code === 'ECONNREFUSED') await pause(5)
      else count.failed++
    }
  }
  await agent.close()
}

/** Several connections under load; `more` waits until each of them has had another answer. */
function startLoad(url: string) {
  let stop = false
  const counts = Array.from({ length: CONNECTIONS }, (): Count => ({ answered: 0, failed: 0 }))
  const hammers = counts.map(count => hammer(url, count, () => stop))
  return {
    counts,
    more(): Promise<void> {
      const before = counts.map(({ answered }) => answered)
      return until(
        'every connection has had another answer',
        () => counts.every(({ answered }, i) => answered > (before[i] as number)),
        30_000
      )
    },
    async end(): Promise<void> {
      stop = true
      await Promise.all(hammers)
    }
  }
}

t.test('a killed worker', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, {
    tokens: [5000],
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [node] = cluster.nodes as [TestNode]
  await put(node.url, 'k', 'v')
  const load = startLoad(node.url)
  await load.more()
  const [victim, other] = node.workers() as [number, number]
  process.kill(victim, 'SIGKILL')
  await until('the worker is replaced', () => node.workers().length === 2 && !node.workers().includes(victim))
  t.ok(node.workers().includes(other), 'the other worker went on')
  await load.more()
  await load.end()
  t.ok(
    load.counts.every(({ failed }) => failed <= 1),
    'no connection lost more than the request it was waiting for'
  )
})

t.test('workers that are killed while the primary is about to answer them', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, {
    tokens: [5000],
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [node] = cluster.nodes as [TestNode]
  const primary = node.pid
  const victims = node.workers()
  process.kill(primary, 'SIGSTOP')
  const lost = Array.from({ length: 40 }, () =>
    fetch(`${node.url}/internal/progress`, { method: 'POST' }).catch(() => undefined)
  )
  // Once later requests are answered, the workers have asked the primary for what the earlier ones want.
  for (let i = 0; i < 20; i++) await fetch(`${node.url}/livez`, { headers: { connection: 'close' } })
  for (const victim of victims) process.kill(victim, 'SIGKILL')
  process.kill(primary, 'SIGCONT')
  await Promise.all(lost)
  await until(
    'the workers are replaced',
    () => node.workers().length === 2 && !node.workers().some(worker => victims.includes(worker))
  )
  await cluster.ready()
  t.equal(node.pid, primary)
  t.doesNotThrow(() => process.kill(primary, 0), 'the primary went on')
})

t.test('a worker that cannot be replaced at once', async t => {
  if (!needs(t, 'memcached', 'prlimit')) return
  const cluster = await startCluster(t, {
    tokens: [5000],
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [node] = cluster.nodes as [TestNode]
  const [victim, other] = node.workers() as [number, number]
  await until('both listen', () => node.workers().every(worker => listens(worker, node.address)))
  const limit = (files: number) => execFileSync('prlimit', ['--pid', String(node.pid), `--nofile=${files}:`])
  limit(readdirSync(`/proc/${node.pid}/fd`).length - 4)
  process.kill(victim, 'SIGKILL')
  await until('the attempt fails', () => /EMFILE/.test(node.output()))
  t.same(node.workers(), [other], 'the other goes on')
  limit(1_024)
  await until('the worker is replaced', () => node.workers().length === 2)
  await cluster.ready()
})

t.test('a node that is told to stop, behind a balancer', async t => {
  if (!needs(t, 'memcached', 'haproxy')) return
  const cluster = await startCluster(t, {
    tokens: [3000, 8000],
    standbys: 1,
    replicas: 2,
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const standby = cluster.nodes[2] as TestNode
  const balancer = await startHaproxy(
    t,
    cluster.nodes.map(({ address }) => address)
  )
  await put(balancer.url, 'k', 'v')
  const load = startLoad(balancer.url)
  await load.more()
  t.equal(await standby.stop(), 0)
  await load.more()
  await load.end()
  t.same(
    load.counts.map(({ failed }) => failed),
    load.counts.map(() => 0)
  )
  await standby.start()
  await cluster.ready()
  t.equal((await get(standby.url, 'k'))?.toString(), 'v', 'it has the ring again')
})

t.test('a killed primary', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, {
    tokens: [5000],
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [node] = cluster.nodes as [TestNode]
  await put(node.url, 'k', 'v')
  const ring = await (await fetch(`${node.url}/hash_ring`)).json()
  const workers = node.workers()
  process.kill(node.pid, 'SIGKILL')
  await until('its workers are gone', () =>
    workers.every(worker => {
      try {
        return !process.kill(worker, 0)
      } catch {
        return true
      }
    })
  )
  await node.start()
  await cluster.ready()
  t.same(await (await fetch(`${node.url}/hash_ring`)).json(), ring)
  t.equal((await get(node.url, 'k'))?.toString(), 'v')
  t.equal(childrenOf(node.pid).length, 2)
})
