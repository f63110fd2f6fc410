// Installing at a node: first the file, then every worker switches and drains, then all begin to serve. A
// worker that cannot is ended, so that nothing goes on under the older ring.

import { mock } from 'node:test'
import t from 'tap'
import { INSTALL_DEADLINE_MS } from '../../src/limits.ts'
import { until } from '../support/cluster/memcached.ts'
import { passMocked } from '../support/simulation/driven-timers.ts'
import { fakeWorker, NODE, OTHER, ringOf, settle, startKeeper, textOf } from './keeper-fakes.ts'

t.test('nobody serves before all have switched', async t => {
  const { keeper, worker, files } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  const second = fakeWorker()
  await keeper.addWorker(second.port)
  let drained = () => {}
  second.onSwitch = () =>
    new Promise(resolve => {
      drained = resolve
    })
  const installed = keeper.install(ringOf(2))
  await settle()
  t.same(
    files.map(ring => ring.epoch),
    [2],
    'persisted first'
  )
  t.same(worker.calls, ['switchTo 1', 'serve 1', 'recheck', 'switchTo 2'])
  t.same(second.calls, ['switchTo 1', 'serve 1', 'recheck', 'switchTo 2'])
  drained()
  await installed
  t.same(worker.calls.at(-1), 'serve 2')
  t.same(second.calls.at(-1), 'serve 2')
})

t.test('a worker that does not drain is ended, and the others go on', async t => {
  const { keeper, worker } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  const stuck = fakeWorker()
  await keeper.addWorker(stuck.port)
  stuck.onSwitch = () => new Promise(() => {})
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
  const installed = keeper.install(ringOf(2))
  await settle()
  t.notMatch(worker.calls, ['serve 2'])
  await passMocked(INSTALL_DEADLINE_MS)
  await installed
  t.same(worker.calls.at(-1), 'serve 2')
  t.same(stuck.calls, ['switchTo 1', 'serve 1', 'recheck', 'switchTo 2', 'kill'])
  await keeper.install(ringOf(3))
  t.same(stuck.calls.at(-1), 'kill', 'it is no longer asked')
})

t.test('a worker that arrives during an install gets the newer ring', async t => {
  const { keeper, worker } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  let drained = () => {}
  worker.onSwitch = () =>
    new Promise(resolve => {
      drained = resolve
    })
  const installed = keeper.install(ringOf(2))
  const late = fakeWorker()
  const added = keeper.addWorker(late.port)
  await settle()
  t.same(late.calls, [])
  drained()
  await Promise.all([installed, added])
  t.same(late.calls, ['switchTo 2', 'serve 2'])
})

t.test('installs happen one after the other, and an older one is nothing', async t => {
  const { keeper, worker, files } = await startKeeper(t)
  await Promise.all([
    keeper.install(ringOf(3)),
    keeper.install(ringOf(2)),
    keeper.install(ringOf(3)),
    keeper.install(ringOf(4))
  ])
  t.same(
    files.map(ring => ring.epoch),
    [3, 4]
  )
  t.same(
    worker.calls.filter(call => call.startsWith('s')),
    ['switchTo 3', 'serve 3', 'switchTo 4', 'serve 4']
  )
})

t.test('a ring whose file cannot be written is not in force', async t => {
  const { keeper, worker, record, files } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  files.push = () => {
    throw new Error('no space left on the device')
  }
  await t.rejects(keeper.install(ringOf(2)), { code: 'KV_ERR_INSTALL' })
  t.equal(keeper.ring?.epoch, 1)
  t.same(worker.calls, ['switchTo 1', 'serve 1'])
  t.equal(record.text, textOf(ringOf(1)))
  delete (files as { push?: unknown }).push
  await t.rejects(keeper.install(ringOf(2)), { code: 'KV_ERR_INSTALL' }, 'it is left in peace for a while')
  await until('it is tried again', () =>
    keeper.install(ringOf(2)).then(
      () => true,
      () => false
    )
  )
  t.equal(keeper.ring?.epoch, 2)
})

t.test('the ring of another cluster is refused', async t => {
  const { keeper, files } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  await t.rejects(keeper.install(ringOf(9, [OTHER], 8)), { code: 'KV_ERR_RING_CONFLICT' })
  t.equal(keeper.ring?.generation, 7)
  await keeper.install(ringOf(1, [OTHER, NODE], 8))
  t.equal(keeper.ring?.generation, 8)
  t.equal(files.length, 1)
})

t.test('an unreachable record does not hold up an install', async t => {
  const { keeper, worker, record, tick } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  record.unreachable = true
  await keeper.install(ringOf(2))
  t.same(worker.calls.at(-1), 'serve 2')
  record.unreachable = false
  await tick()
  t.equal(record.text, textOf(ringOf(2)))
})
