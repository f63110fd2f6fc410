import t from 'tap'
import { type GetResult, type MergeResult } from '../../src/core/ports.ts'
import { startMemcached, until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { fill, openStorage, record, slotFor, writeRing } from './support.ts'

t.test('killed in mid-flight, and back empty', async t => {
  if (!needs(t, 'memcached')) return
  const memcached = await startMemcached(t, { socket: true })
  await writeRing(memcached.address)
  const storage = await openStorage(t, memcached.address)
  const keys = await fill(storage, 2000)
  const { incarnation } = storage
  t.ok(incarnation > 0)

  // Rounds of reads and writes, from before the kill until after it; a miss counts as one only
  // if the first memory was there at its beginning and at its end.
  const kinds = new Map<string, number>()
  const wrong: string[] = []
  const progress = { over: false }
  const hammer = async (): Promise<void> => {
    for (let i = 0; !progress.over; i = (i + 13) % 2000) {
      const before = storage.incarnation
      const get: GetResult = await storage.get(slotFor(i), keys[i] as string)
      const label = get.kind === 'failed' ? `get ${get.reason}` : `get ${get.kind}`
      if (get.kind === 'miss' && before === incarnation && storage.incarnation === incarnation) {
        wrong.push(`${keys[i]} missed`)
      }
      const merge: MergeResult = await storage.merge(slotFor(i), keys[i] as string, record(1))
      kinds.set(label, (kinds.get(label) ?? 0) + 1)
      if (merge.kind === 'failed') await new Promise(resolve => setImmediate(resolve))
    }
  }
  const workers = Array.from({ length: 50 }, hammer)
  await until('there were reads', () => (kinds.get('get found') ?? 0) > 500)
  await memcached.kill()
  await until('reads fail', () => (kinds.get('get unreachable') ?? 0) > 50)
  t.equal(storage.incarnation, incarnation, 'nobody knows yet')
  await memcached.restart()
  await until('the loss is seen', () => storage.incarnation === 0)
  await writeRing(memcached.address)
  await until('the sentinel is seen without being told', () => storage.incarnation !== 0)
  t.ok(storage.incarnation > incarnation, 'another memory')
  progress.over = true
  await Promise.all(workers)
  t.same(wrong, [], 'no error was taken for a miss')
  t.same(await storage.merge(1, 'k', record(1)), { kind: 'stored' })
})
