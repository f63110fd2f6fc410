// Pairs written through HAProxy are read through every single node, byte for byte. The number of replicas is
// that of the test file: they take a while, and so go side by side.

import { createHash } from 'node:crypto'
import { type Test } from 'tap'
import { forEach, get, put } from '../cluster/client.ts'
import { startCluster } from '../cluster/cluster.ts'
import { startHaproxy } from '../cluster/haproxy.ts'
import { needs } from '../cluster/programs.ts'

/** For `t.setTimeout`. */
export const EVERY_PAIR_MS = 900_000

const PAIRS = 20_000

const AWKWARD = [
  'a key with spaces',
  'two\nlines\r\n',
  '100%',
  '%41',
  'a+b',
  'ä ö ü € 🗝',
  'a/b',
  'a//b',
  '/',
  '...',
  'a/..b',
  '?',
  '#',
  '&=',
  '"',
  '\\',
  '\0',
  '\x7f',
  'get ring',
  'ring',
  '__proto__',
  'x'.repeat(240),
  'x'.repeat(241),
  'y'.repeat(1024),
  '€'.repeat(341)
]

/** A value that only its own key has. */
function valueOf(key: string): Buffer {
  return createHash('sha512').update(key).digest()
}

/** Writes them, reads them, and reports to the test. */
export async function everyPairComesBack(t: Test, replicas: number): Promise<void> {
  if (!needs(t, 'memcached', 'haproxy')) return
  const cluster = await startCluster(t, {
    tokens: [3000, 8000, 5000],
    replicas,
    storage: 'memcached',
    memcached: { socket: true },
    env: { WORKERS: '2' }
  })
  const balancer = await startHaproxy(
    t,
    cluster.nodes.map(({ address }) => address)
  )
  const keys = [...Array.from({ length: PAIRS }, (_, i) => `key ${i}`), ...AWKWARD]
  await forEach(keys, key => put(balancer.url, key, valueOf(key)))
  await put(balancer.url, 'empty', '')
  const large = Buffer.alloc(1_000_000, valueOf('large'))
  await put(balancer.url, 'large', large)

  for (const { url, address } of cluster.nodes) {
    const wrong: string[] = []
    await forEach(keys, async key => {
      const value = await get(url, key)
      if (value === undefined || !value.equals(valueOf(key))) wrong.push(key)
    })
    t.same(wrong, [], `every pair comes back through ${address}`)
    t.same(await get(url, 'empty'), Buffer.alloc(0))
    t.ok((await get(url, 'large'))?.equals(large))
  }
}
