// A storage that comes back empty, and is whole again, between the begin of an operation and its end, may
// have lost what the operation did.

import t from 'tap'
import { createReplica } from '../../../plugins/replica/index.ts'
import { STORED, type MergeResult } from '../../../src/core/ports.ts'
import { type PairRecord } from '../../../src/core/pairs/record.ts'
import { fakeStorage, installedRing } from '../migration/copying-fakes.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

const RECORD: PairRecord = {
  version: { timeMs: 1, counter: 0, writer: 1 },
  deleted: false,
  expiresAtMs: 0,
  contentType: '',
  value: Buffer.from('x')
}

t.test('another memory at the end than at the begin', async t => {
  const storage = fakeStorage()
  const ring = ringOf(3)
  const replica = createReplica({ storage, ring: await installedRing(ring) })
  let end = (_result: MergeResult): void => {}
  storage.merge = () =>
    new Promise(resolve => {
      end = resolve
    })
  const answer = replica.merge(ring, 5, 'key', RECORD)
  storage.incarnation = 2
  end(STORED)
  t.same(await answer, { kind: 'failed', reason: 'recovering' })
})

t.test('the same memory all the while', async t => {
  const ring = ringOf(3)
  const replica = createReplica({ storage: fakeStorage(), ring: await installedRing(ring) })
  t.same(await replica.merge(ring, 5, 'key', RECORD), STORED)
})
