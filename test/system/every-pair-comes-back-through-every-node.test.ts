// Pairs written through HAProxy are read through every single node, byte for byte, with one, two and three replicas.

import { createHash } from 'node:crypto'
import t from 'tap'
import { forEach, get, put } from '../support/client.ts'
import { startCluster } from '../support/cluster.ts'
import { startHaproxy } from '../support/haproxy.ts'
import { needs } from '../support/programs.ts'

t.setTimeout(900_000)

const PAIRS = 20_000

const AWKWARD = [
  'a key with spaces', 'two\nlines\r\n', '100%', '%41', 'a+b', 'ä ö ü € 🗝', 'a/b', 'a//b', '/', '...', 'a/..b', '?', '#', '&=', '"', '\\', '\0', '\x7f',
  'get ring', 'ring', '__proto__', 'x'.repeat(240), 'x'.repeat(241), 'y'.repeat(1024), '€'.repeat(341)
]

/** A value that only its own key has. */
function valueOf (key: string): Buffer {
  return createHash('sha512').update(key).digest()
}

for (const replicas of [1, 2, 3]) {
  t.test(`${replicas} replica(s)`, async (t) => {
    if (!needs(t, 'memcached', 'haproxy')) return
    const cluster = await startCluster(t, { tokens: [3000, 8000, 5000], replicas, storage: 'memcached', memcached: { socket: true }, env: { WORKERS: '2' } })
    const balancer = await startHaproxy(t, cluster.nodes.map(({ address }) => address))
    const keys = [...Array.from({ length: PAIRS }, (_, i) => `key ${i}`), ...AWKWARD]
    await forEach(keys, (key) => put(balancer.url, key, valueOf(key)))
    await put(balancer.url, 'empty', '')
    const large = Buffer.alloc(1_000_000, valueOf('large'))
    await put(balancer.url, 'large', large)

    for (const { url, address } of cluster.nodes) {
      const wrong: string[] = []
      await forEach(keys, async (key) => {
        const value = await get(url, key)
        if (value === undefined || !value.equals(valueOf(key))) wrong.push(key)
      })
      t.same(wrong, [], `every pair comes back through ${address}`)
      t.same(await get(url, 'empty'), Buffer.alloc(0))
      t.ok((await get(url, 'large'))?.equals(large))
    }
  })
}
