import t from 'tap'
import { RECONNECT_MAX_MS, RECONNECT_MIN_MS } from '../../../src/storage/memcached/limits.ts'
import { backoffMs } from '../../../src/storage/memcached/backoff.ts'

t.test('from the first pause to the longest, each spread over its upper half', async t => {
  t.equal(backoffMs(1, 1), RECONNECT_MIN_MS)
  t.equal(backoffMs(1, 0), RECONNECT_MIN_MS / 2)
  t.equal(backoffMs(2, 1), 2 * RECONNECT_MIN_MS)
  t.equal(backoffMs(1000, 1), RECONNECT_MAX_MS)
  t.equal(backoffMs(5000, 0), RECONNECT_MAX_MS / 2)
})
