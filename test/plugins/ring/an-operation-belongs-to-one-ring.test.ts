// One process and its rings: operations are counted by the ring under which they began, an install waits for
// those of older rings, and those of a newer ring wait until it is in force at the whole node.

import { mock } from 'node:test'
import t from 'tap'
import { createInstalledRing } from '../../../plugins/ring/installed.ts'
import { INSTALL_DEADLINE_MS } from '../../../src/limits.ts'
import { passMocked } from '../../support/simulation/driven-timers.ts'
import { ringOf, settle } from '../../keeper/keeper-fakes.ts'

/** An operation that ends when the test says so. */
function operation() {
  const calls: number[] = []
  let end = () => {}
  return {
    calls,
    end: () => end(),
    run: (view: { ring: { epoch: number } }) =>
      new Promise<string>(resolve => {
        calls.push(view.ring.epoch)
        end = () => resolve('done')
      })
  }
}

/** Whether the promise is settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let is = false
  promise.then(
    () => {
      is = true
    },
    () => {
      is = true
    }
  )
  await settle()
  return is
}

t.test('without a ring there is no plan and nothing runs', async t => {
  const installed = createInstalledRing()
  t.throws(() => installed.plan(5), { code: 'KV_ERR_NO_RING' })
  t.equal(installed.serving, false)
  t.equal(await installed.within(ringOf(1), async () => 'ran'), undefined)
})

t.test('switching waits for the operations in flight', async t => {
  const installed = createInstalledRing()
  const one = operation()
  const two = operation()
  await installed.switchTo(ringOf(1))
  installed.serve(ringOf(1))
  const answers = [installed.within(ringOf(1), one.run), installed.within(ringOf(1), two.run)]
  const drained = installed.switchTo(ringOf(2))
  t.notOk(await settled(drained))
  one.end()
  t.notOk(await settled(drained), 'one is still in flight')
  two.end()
  await drained
  t.same(await Promise.all(answers), ['done', 'done'])
})

t.test('switching twice waits for the operations of every older ring', async t => {
  const installed = createInstalledRing()
  const one = operation()
  const two = operation()
  await installed.switchTo(ringOf(1))
  installed.serve(ringOf(1))
  installed.within(ringOf(1), one.run).catch(t.threw)
  const first = installed.switchTo(ringOf(2))
  installed.serve(ringOf(2))
  installed.within(ringOf(2), two.run).catch(t.threw)
  const second = installed.switchTo(ringOf(3))
  two.end()
  t.notOk(await settled(second), 'the oldest is still in flight')
  t.notOk(await settled(first))
  one.end()
  await Promise.all([first, second])
})

t.test('an operation that fails is not in flight any more', async t => {
  const installed = createInstalledRing()
  await installed.switchTo(ringOf(1))
  installed.serve(ringOf(1))
  await t.rejects(
    installed.within(ringOf(1), async () => {
      throw new Error('broken')
    }),
    /broken/
  )
  await installed.switchTo(ringOf(2))
})

t.test('operations of a new ring wait until it is in force', async t => {
  const installed = createInstalledRing()
  const waiting = operation()
  await installed.switchTo(ringOf(1))
  t.equal(installed.serving, false)
  const answer = installed.within(ringOf(1), waiting.run)
  await settle()
  t.same(waiting.calls, [])
  installed.serve(ringOf(1))
  await settle()
  t.same(waiting.calls, [1])
  waiting.end()
  t.equal(await answer, 'done')
})

t.test('word that an older ring is in force opens nothing', async t => {
  const installed = createInstalledRing()
  await installed.switchTo(ringOf(1))
  await installed.switchTo(ringOf(2))
  installed.serve(ringOf(1))
  t.equal(installed.serving, false)
})

t.test('an operation that waits is fenced when a newer ring comes', async t => {
  const installed = createInstalledRing()
  const waiting = operation()
  await installed.switchTo(ringOf(1))
  const answer = installed.within(ringOf(1), waiting.run)
  await installed.switchTo(ringOf(2))
  t.ok(await settled(answer), 'at once')
  t.equal(await answer, undefined)
  installed.serve(ringOf(2))
  t.same(waiting.calls, [])
})

t.test('an operation that waits does not hold up the next switch', async t => {
  const installed = createInstalledRing()
  await installed.switchTo(ringOf(1))
  installed.within(ringOf(1), operation().run).catch(t.threw)
  t.ok(await settled(installed.switchTo(ringOf(2))))
})

t.test('an operation waits no longer than an install may take', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const installed = createInstalledRing()
  const waiting = operation()
  await installed.switchTo(ringOf(1))
  const answer = installed.within(ringOf(1), waiting.run)
  await settle()
  await passMocked(INSTALL_DEADLINE_MS)
  t.equal(await answer, undefined)
  installed.serve(ringOf(1))
  t.same(waiting.calls, [], 'and does not run later')
})

t.test('an operation under another ring is fenced', async t => {
  const installed = createInstalledRing()
  await installed.switchTo(ringOf(2))
  installed.serve(ringOf(2))
  const calls: string[] = []
  const run = async () => {
    calls.push('ran')
  }
  for (const id of [ringOf(1), ringOf(3), { generation: 6, epoch: 2 }, { generation: 8, epoch: 2 }]) {
    t.equal(await installed.within(id, run), undefined)
  }
  t.same(calls, [])
})

t.test('an older ring does not replace a newer one, nor is the same one a newer one', async t => {
  const installed = createInstalledRing()
  await installed.switchTo(ringOf(2))
  installed.serve(ringOf(2))
  for (const epoch of [1, 2]) {
    await installed.switchTo(ringOf(epoch))
    t.equal(installed.view?.ring.epoch, 2)
    t.equal(installed.serving, true)
  }
})
