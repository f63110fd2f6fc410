// A ring that cannot be written to the disk does not come into force. The node says why, and leaves the disk
// in peace for a while before it tries the next one.

import { mock } from 'node:test'
import { pino } from 'pino'
import t from 'tap'
import { createPersisted } from '../../src/keeper/persisted.ts'
import { RING_FILE_REST_MS } from '../../src/limits.ts'
import { type Ring } from '../../src/core/ring/ring.ts'
import { ringOf } from './keeper-fakes.ts'

t.test('refused, told, and tried again after a rest', async t => {
  const now = { ms: 5 }
  mock.method(performance, 'now', () => now.ms)
  t.teardown(() => mock.reset())
  let error: Error | undefined = new Error('no space left')
  const tried: number[] = []
  const file = {
    read: async () => undefined,
    async write({ epoch }: Ring) {
      tried.push(epoch)
      if (error !== undefined) throw error
    }
  }
  const persisted = createPersisted(file, pino({ level: 'silent' }))
  t.equal(persisted.failure, undefined)
  const refusal = { code: 'KV_ERR_INSTALL', message: /cannot be written: no space left/ }
  await t.rejects(persisted.write(ringOf(1)), refusal)
  t.match(persisted.failure, refusal.message)
  now.ms += RING_FILE_REST_MS - 1
  await t.rejects(persisted.write(ringOf(2)), refusal)
  t.same(tried, [1], 'not before the rest is over')
  now.ms += 1
  await t.rejects(persisted.write(ringOf(3)), refusal)
  t.same(tried, [1, 3])
  error = undefined
  now.ms += RING_FILE_REST_MS
  await persisted.write(ringOf(4))
  t.equal(persisted.failure, undefined)
  await persisted.write(ringOf(5))
  t.same(tried, [1, 3, 4, 5], 'one that can be written needs no rest')
})
