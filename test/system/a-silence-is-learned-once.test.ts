// With two of three replicas gone every request is refused, and only the first ones have to find out: those
// that come after are not held up by the deadlines of what is known to be silent. What is back counts at
// once.

import t, { type Test } from 'tap'
import { Pool } from 'undici'
import { PEER_DEADLINE_MS } from '../../src/limits.ts'
import { STORAGE_DEADLINE_MS } from '../../src/storage/memcached/limits.ts'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(180_000)

type Two = readonly [TestNode, TestNode]

const CASES: { [what: string]: { harm: (nodes: Two) => unknown; heal: (nodes: Two) => unknown } } = {
  'both nodes dead': {
    harm: nodes => Promise.all(nodes.map(node => node.kill())),
    heal: nodes => Promise.all(nodes.map(node => node.start()))
  },
  'both Memcacheds hung': {
    harm: nodes => nodes.forEach(node => node.memcached?.pause()),
    heal: nodes => nodes.forEach(node => node.memcached?.resume())
  },
  'one node hung, the Memcached of the other hung': {
    harm: ([one, other]) => {
      one.pause()
      other.memcached?.pause()
    },
    heal: ([one, other]) => {
      one.resume()
      other.memcached?.resume()
    }
  },
  'both nodes hung': {
    harm: nodes => nodes.forEach(node => node.pause()),
    heal: nodes => nodes.forEach(node => node.resume())
  }
}

async function timeOf(pool: Pool, method: 'GET' | 'PUT'): Promise<number> {
  const beganMs = performance.now()
  const { statusCode, body } = await pool.request({
    path: '/kv/key',
    method,
    body: method === 'PUT' ? 'value' : null,
    headersTimeout: 30_000
  })
  const { code } = (await body.json()) as { code: string }
  if (statusCode !== 503 || code !== 'KV_ERR_QUORUM') throw new Error(`${statusCode} ${code}`)
  return performance.now() - beganMs
}

async function measure(t: Test, pool: Pool): Promise<void> {
  const timesMs: number[] = []
  for (let i = 0; i < 20; i++) timesMs.push(await timeOf(pool, i % 2 === 0 ? 'GET' : 'PUT'))
  t.comment(timesMs.map(Math.round).join(' '))
  // Each connection to a silent Memcached, and each frame that was under way, has to be found out about by
  // itself.
  t.equal(
    timesMs.slice(4).filter(timeMs => timeMs > Math.min(PEER_DEADLINE_MS, STORAGE_DEADLINE_MS)).length,
    0,
    'no later one waits for a deadline'
  )
  const beganMs = performance.now()
  const burst = await Promise.all(Array.from({ length: 50 }, () => timeOf(pool, 'PUT')))
  t.comment(`50 at once: ${Math.round(Math.max(...burst))} ms`)
  t.ok(performance.now() - beganMs < STORAGE_DEADLINE_MS)
}

t.test('two of three are gone', async t => {
  if (!needs(t, 'memcached')) return
  const { nodes, ready } = await startCluster(t, {
    tokens: [3_000, 6_000, 9_999],
    storage: 'memcached',
    env: { WORKERS: '1' }
  })
  const [first, ...others] = nodes as readonly [TestNode, TestNode, TestNode]
  const pool = new Pool(first.url, { connections: 64 })
  t.teardown(() => pool.destroy())
  const isServed = async () => {
    const { statusCode, body } = await pool.request({ path: '/kv/key', method: 'PUT', body: 'value' })
    await body.dump()
    return statusCode === 204
  }
  for (const [what, { harm, heal }] of Object.entries(CASES)) {
    await t.test(what, async t => {
      await until('it serves', isServed)
      await harm(others)
      await measure(t, pool)
      await heal(others)
      await until('it serves again', isServed)
      await ready()
    })
  }
})
