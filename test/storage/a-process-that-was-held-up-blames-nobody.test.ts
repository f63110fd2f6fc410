import t from 'tap'
import { STORAGE_DEADLINE_MS } from '../../src/storage/memcached/limits.ts'
import { startMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { openStorage, record } from './support.ts'

t.test(
  'answers that came while the process itself stood still are read before anything is called late',
  async t => {
    if (!needs(t, 'memcached')) return
    const { address } = await startMemcached(t, { socket: true })
    const storage = await openStorage(t, address)
    await storage.merge(1, 'k', record(1))
    const reads = Promise.all(Array.from({ length: 100 }, () => storage.get(1, 'k')))
    // The reads leave in this tick's write; then the process stands still for longer than the deadline.
    await new Promise(resolve => setImmediate(resolve))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1.5 * STORAGE_DEADLINE_MS)
    t.same(new Set((await reads).map(({ kind }) => kind)), new Set(['found']))
  }
)
