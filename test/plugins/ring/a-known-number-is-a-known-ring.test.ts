// A keeper whose node has a ring takes no other one of the same number: not from another node, not for a
// vote, not from the record.

import t from 'tap'
import { createInstalledRing } from '../../../plugins/ring/installed.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { ringOf, startKeeper, textOf } from '../../keeper/keeper-fakes.ts'

const other: Ring = { ...ringOf(1), replicas: 1 }
const SPLIT = { code: 'KV_ERR_RING_SPLIT' }

t.test('to install and to vote on', async t => {
  const { keeper, files, record, worker } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  const before = [record.text, files.length, worker.calls.length]
  await t.rejects(keeper.install(other), SPLIT)
  await t.rejects(keeper.vote({ present: other, ballot: { round: 1, tie: 1 } }), SPLIT)
  t.same(keeper.ring, ringOf(1))
  t.same([record.text, files.length, worker.calls.length], before, 'nothing was done')
  await keeper.install(ringOf(1))
  t.match(
    await keeper.vote({ present: ringOf(1), ballot: { round: 1, tie: 1 } }),
    { kind: 'promised' },
    'the same ring is'
  )
  await keeper.install({ ...other, epoch: 2 })
  t.match(keeper.ring, { epoch: 2, replicas: 1 }, 'one of the next number is the next ring')
})

t.test('a record that has another ring of the number in the file: the node does not start', async t => {
  await t.rejects(startKeeper(t, { file: ringOf(1), text: textOf(other) }), {
    ...SPLIT,
    message: /STATE_DIR.*Memcached/
  })
})

t.test('a record that has the ring of the file, or a newer one: it does', async t => {
  const { keeper } = await startKeeper(t, { file: ringOf(1), text: textOf({ ...other, epoch: 2 }) })
  t.match(keeper.ring, { epoch: 2, replicas: 1 })
})

t.test('a worker that has another ring than its keeper says so', async t => {
  const installed = createInstalledRing()
  await installed.switchTo(ringOf(1))
  await installed.switchTo(ringOf(1))
  t.throws(() => {
    installed.switchTo(other)
  }, SPLIT)
  t.same(installed.view?.ring, ringOf(1))
})
