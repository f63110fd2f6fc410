// What a receiver tells of how far it is belongs to one change: not to an earlier one of the same seeding,
// nor to one of another seeding that began at the same epoch.

import t from 'tap'
import { isProgressOf, type Progress } from '../../../src/core/copying/progress.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'

const tokens = [{ position: 1000, node: '127.0.0.1:5001' }]
const ring: Ring = { generation: 7, epoch: 5, replicas: 1, tokens, next: tokens, pending: [], since: 4 }
const progress: Progress = {
  generation: 7,
  since: 4,
  keys: 1,
  bytes: 1,
  expectedKeys: 1,
  elapsedMs: 1,
  done: false
}

t.test('of the change under way', async t => {
  t.equal(isProgressOf(progress, ring), true)
  t.equal(isProgressOf(progress, { ...ring, epoch: 6 }), true, 'whatever its epoch by now')
})

t.test('of another one', async t => {
  t.equal(isProgressOf({ ...progress, since: 3 }, ring), false)
  t.equal(isProgressOf({ ...progress, generation: 6 }, ring), false)
  t.equal(isProgressOf(undefined, ring), false)
})
