// Three replicas on three nodes: with one of them killed, reads and writes go on; with two, both are refused
// at once.

import t from 'tap'
import { forEach, get, put } from '../support/cluster/client.ts'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(600_000)

t.test('one node killed, then two', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, {
    tokens: [1000, 4000, 7000],
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const [first, second, third] = cluster.nodes as [TestNode, TestNode, TestNode]
  const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`)
  await forEach(keys, key => put(first.url, key, 'before'))

  await third.kill()
  await forEach(keys, async key => {
    t.equal((await get(second.url, key))?.toString(), 'before')
    await put(first.url, key, 'after')
    t.equal((await get(second.url, key))?.toString(), 'after')
  })

  await second.kill()
  const startedMs = performance.now()
  for (const init of [
    {},
    { method: 'POST', body: new URLSearchParams({ key: 'key 1', val: 'v' }) },
    { method: 'DELETE' }
  ]) {
    const answer = await fetch(`${first.url}/route?key=key%201`, init)
    t.equal(answer.status, 503)
    t.ok(answer.headers.get('retry-after'))
    t.match(await answer.json(), { statusCode: 503, code: 'KV_ERR_QUORUM' })
  }
  // Far more than a refused connection takes, far less than any deadline of a request that hangs.
  t.ok(performance.now() - startedMs < 1_000, 'at once')

  await second.start()
  await third.start()
  await cluster.ready()
  await forEach(keys, async key => {
    t.equal((await get(third.url, key))?.toString(), 'after')
  })
})
