// What a node does by itself when its ring says so: it receives while it is waited for, and purges what is
// not its own, but only under a stable ring.

import t from 'tap'
import { fakeWorker, join, NODE, OTHER, ringOf, settle, startKeeper, textOf } from './keeper-fakes.ts'
import { type Ring } from '../../src/core/ring/ring.ts'

const stable = ringOf(1)
const joint: Ring = {
  ...ringOf(2, [OTHER]),
  next: ringOf(2, [OTHER, NODE]).tokens,
  pending: [NODE],
  since: 2
}

/** A keeper whose worker counts what it is to do. */
async function setup(t: Parameters<typeof startKeeper>[0]) {
  const started = await startKeeper(t, { file: stable, text: textOf(stable) })
  const purges: number[] = []
  started.worker.onPurge = async ring => {
    purges.push(ring.epoch)
    return true
  }
  const receives = () => started.worker.calls.filter(call => call.startsWith('receive'))
  return { ...started, purges, receives }
}

t.test('it purges once under each stable ring, never while the ring changes', async t => {
  const { keeper, purges, tick } = await setup(t)
  await tick()
  await keeper.install(joint)
  await tick()
  await tick()
  t.same(purges, [], 'the first ring had been purged by before')
  await keeper.install(ringOf(3))
  await tick()
  await tick()
  t.same(purges, [3])
  await keeper.install(ringOf(4))
  await tick()
  t.same(purges, [3], 'a ring that was renewed gives nothing away')
})

t.test('a purge that fails or is overtaken is begun again', async t => {
  const { keeper, worker, tick } = await setup(t)
  const outcomes = [
    async () => false,
    async () => {
      throw new Error('no storage')
    },
    async () => true
  ]
  let purges = 0
  worker.onPurge = () => {
    purges++
    return (outcomes.shift() as () => Promise<boolean>)()
  }
  await keeper.install(ringOf(2, [NODE]))
  t.equal(await keeper.isTidy(), false)
  for (let i = 0; i < 5; i++) await tick()
  t.equal(purges, 3)
  t.equal(await keeper.isTidy(), true)
})

t.test('a newer ring does not wait for purges that failed before it', async t => {
  const { keeper, worker, tick } = await setup(t)
  const purges: number[] = []
  worker.onPurge = async ring => {
    purges.push(ring.epoch)
    return false
  }
  await keeper.install(ringOf(2, [NODE]))
  for (let i = 0; i < 60; i++) await tick()
  t.ok(purges.length > 4 && purges.length < 10, `${purges.length} attempts`)
  await keeper.install(ringOf(3, [NODE]))
  await settle()
  t.equal(purges.at(-1), 3)
})

t.test('it receives while it is waited for, less and less often if that fails', async t => {
  const { keeper, worker, receives, tick } = await setup(t)
  worker.onReceive = async () => false
  await keeper.install(joint)
  await settle()
  t.same(receives(), ['receive 2'], 'at once')
  for (let i = 0; i < 60; i++) await tick()
  t.ok(receives().length > 4 && receives().length < 10, `${receives().length} attempts`)
  await keeper.install({ ...joint, epoch: 3 })
  await settle()
  t.equal(receives().at(-1), 'receive 3', 'at once again under a newer ring')
  await keeper.install(ringOf(4, [OTHER]))
  const before = receives().length
  for (let i = 0; i < 60; i++) await tick()
  t.equal(receives().length, before, 'not when the change was given up')
})

t.test('one that dies is begun again by another worker', async t => {
  const { keeper, worker, receives, tick } = await setup(t)
  worker.onReceive = async () => {
    throw new Error('the worker died')
  }
  await keeper.install(joint)
  await settle()
  keeper.removeWorker(worker.port)
  const successor = fakeWorker()
  await join(keeper, successor)
  await tick()
  t.equal(receives().length, 1)
  t.ok(successor.calls.includes('receive 2'))
})

t.test('whichever process is asked knows how far it is', async t => {
  const { keeper } = await setup(t)
  t.equal(await keeper.progress(), undefined)
  for (const keys of [5, 10]) {
    const progress = {
      generation: 7,
      since: 2,
      keys,
      bytes: 50,
      expectedKeys: 10,
      elapsedMs: 1,
      done: keys === 10
    }
    await keeper.report(progress)
    t.same(await keeper.progress(), progress)
  }
})
