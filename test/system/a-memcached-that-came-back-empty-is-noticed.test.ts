// Memcached loses everything when it restarts, without a word. With replicas, the node fetches what it has
// forgotten before it counts again; with one, it says that the pairs are lost and goes on.

import t from 'tap'
import { forEach, get, put } from '../support/cluster/client.ts'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { until, type TestMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(600_000)

const KEYS = Array.from({ length: 2_000 }, (_, i) => `key ${i}`)

t.test('three replicas, emptied one after the other', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, {
    tokens: [1000, 4000, 7000],
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [first] = cluster.nodes as [TestNode]
  await forEach(KEYS, key => put(first.url, key, `value of ${key}`))
  await fetch(`${first.url}/route?key=key%207`, { method: 'DELETE' })
  for (const node of cluster.nodes) {
    await (node.memcached as TestMemcached).restart()
    await until('the loss is noticed', () => node.output().includes('came back empty'))
    await cluster.ready()
    // The other worker may take notice a moment later.
    let held: unknown[] = []
    await until('it tells its pairs', async () => {
      const told = (await (await fetch(`${node.url}/fetch_keys`)).json()) as unknown
      held = told as unknown[]
      return Array.isArray(told)
    })
    t.equal(held.length, KEYS.length - 1, 'it has fetched every pair again')
  }
  for (const { url } of cluster.nodes) {
    await forEach(KEYS, async key => {
      const value = (await get(url, key))?.toString()
      if (value !== (key === 'key 7' ? undefined : `value of ${key}`)) t.fail(`${key} is ${value}`)
    })
  }
})

t.test('one replica', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, {
    tokens: [1000, 7000],
    replicas: 1,
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [first, second] = cluster.nodes as [TestNode, TestNode]
  await forEach(KEYS, key => put(first.url, key, 'v'))
  await (second.memcached as TestMemcached).restart()
  await until('the loss is told', () => second.output().includes('is lost'))
  // Each worker connects to the new Memcached in its own time; the only replica of a key has no other to
  // stand in.
  await until('it serves again', () =>
    put(first.url, 'key 1', 'new').then(
      () => true,
      () => false
    )
  )
  await until('so does its every worker', async () => {
    const answers = await Promise.all(
      Array.from({ length: 16 }, () =>
        get(second.url, 'key 1').then(
          value => value?.toString(),
          () => undefined
        )
      )
    )
    return answers.every(answer => answer === 'new')
  })
})
