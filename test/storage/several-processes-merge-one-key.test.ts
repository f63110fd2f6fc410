import t from 'tap'
import { startMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { openStorage, record } from './support.ts'

t.test('two storages on one Memcached end with the newest version', async t => {
  if (!needs(t, 'memcached')) return
  const { address } = await startMemcached(t, { socket: true })
  const storages = [await openStorage(t, address), await openStorage(t, address)]
  for (let round = 0; round < 20; round++) {
    const key = `key${round}`
    const merges = Array.from({ length: 100 }, (_, i) =>
      storages[i % 2]?.merge(1, key, record(((i * 37) % 100) + 1))
    )
    const results = await Promise.all(merges)
    const refused = results.filter(result => result?.kind === 'failed')
    if (refused.length > 0) t.same(refused, [], key)
    for (const storage of storages) {
      const result = await storage.get(1, key)
      if (result.kind !== 'found' || result.record.version.timeMs !== 100) {
        t.fail(`${key}: ${JSON.stringify(result)}`)
      }
    }
    if (
      results.some((result, i) => result?.kind === 'stale' && result.version.timeMs <= ((i * 37) % 100) + 1)
    ) {
      t.fail('stale for an older one')
    }
  }
  t.pass('20 rounds')
})
