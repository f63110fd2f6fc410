// Real Memcacheds that are filled until they take no more: every acknowledged value is read, at every node,
// though many keys have a write that found room at one replica only.

import t from 'tap'
import { fetch } from 'undici'
import { forEach } from '../support/cluster/client.ts'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(600_000)

const KEYS = 900

/** Of a size that differs from write to write, as Memcached refuses by sizes. */
const valueOf = (key: number, round: number) =>
  Buffer.alloc(5_000 + ((key * 7_919 + round * 104_729) % 25_000), `${key}.${round} `)

t.test('two replicas on three nodes', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, {
    tokens: [2000, 6000, 9000],
    replicas: 2,
    storage: 'memcached',
    memcached: { socket: true, flags: ['-m', '8'] },
    env: { WORKERS: '2' }
  })
  /**
   * What a read of each key may find: the last value that was acknowledged, and those of which nobody knows.
   */
  const possible = Array.from({ length: KEYS }, () => new Set(['404']))
  let halfDone = 0
  for (let round = 0; round < 2; round++) {
    await forEach([...possible.keys()], async key => {
      const { url } = cluster.nodes[key % 3] as TestNode
      const answer = await fetch(`${url}/kv/${key}`, { method: 'PUT', body: valueOf(key, round) })
      const text = await answer.text()
      const value = valueOf(key, round).toString()
      if (answer.status === 204) possible[key] = new Set([value])
      else if (answer.status !== 507) t.fail(`${answer.status} ${text}`)
      else if (text.includes('outcome unknown')) {
        halfDone++
        possible[key]?.add(value)
      }
    })
  }
  t.ok(halfDone > 20, `${halfDone} writes are half done`)
  const failed: string[] = []
  const wrong: string[] = []
  for (const { url } of cluster.nodes) {
    await forEach([...possible.keys()], async key => {
      const answer = await fetch(`${url}/kv/${key}`)
      const text = await answer.text()
      if (answer.status !== 200 && answer.status !== 404) failed.push(`${key}: ${answer.status} ${text}`)
      else if (!possible[key]?.has(answer.status === 200 ? text : '404')) {
        wrong.push(`${key}: ${answer.status}`)
      }
    })
  }
  t.same(failed, [], 'every read is answered')
  t.same(wrong, [], 'with nothing older than what was acknowledged')
})
