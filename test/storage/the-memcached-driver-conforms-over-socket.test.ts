import t from 'tap'
import { createMemcachedRingRecord } from '../../src/storage/memcached/ring-record.ts'
import { startMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { conforms } from './conformance.ts'
import { openStorage } from './support.ts'

if (needs(t, 'memcached')) {
  conforms(t, async t => {
    const { address } = await startMemcached(t, { socket: true })
    const wall = { nowMs: Date.now() }
    const ringRecord = createMemcachedRingRecord({ address })
    t.teardown(() => ringRecord.close())
    return { storage: await openStorage(t, address, { wallMs: () => wall.nowMs }), ringRecord, wall }
  })
}
