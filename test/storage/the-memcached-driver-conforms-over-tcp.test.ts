import t from 'tap'
import { createMemcachedRingRecord } from '../../plugins/storage/ring-record.ts'
import { startMemcached } from '../support/memcached.ts'
import { needs } from '../support/programs.ts'
import { conforms } from './conformance.ts'
import { openStorage } from './support.ts'

if (needs(t, 'memcached')) {
  conforms(t, async (t) => {
    const { address } = await startMemcached(t, { socket: false })
    const wall = { nowMs: Date.now() }
    const ringRecord = createMemcachedRingRecord({ address })
    t.teardown(() => ringRecord.close())
    return { storage: await openStorage(t, address, { wallMs: () => wall.nowMs }), ringRecord, wall }
  })
}
