// A tombstone lives for a day. So a node looks several times a day at everything that the other replicas
// hold, and one that could not, or was away, for nearly a day drops what it holds and fetches it anew: a
// value in it may have been deleted meanwhile.

import t from 'tap'
import { CLOCK_SKEW_MAX_MS, REPAIR_EVERY_MS, REPAIR_TRUST_MS, SOURCE_TRUST_MS } from '../../src/limits.ts'
import { RECOVERING_MARK } from '../../src/core/ports.ts'
import { NODE, NOW_MS, OTHER, ringOf, settle, startKeeper, textOf } from './keeper-fakes.ts'

const three = { ...ringOf(1, [NODE, OTHER, '127.0.0.1:5003']), replicas: 3 }
const repairs = (calls: readonly string[]) => calls.filter(call => call.startsWith('repair')).length

t.test('it looks when the time has come, and notes that it did', async t => {
  const { record, worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  await tick()
  t.equal(repairs(worker.calls), 0)
  clock.nowMs += REPAIR_EVERY_MS
  await tick()
  t.equal(repairs(worker.calls), 0)
  clock.nowMs += 1
  await tick()
  t.equal(repairs(worker.calls), 1)
  await tick()
  t.equal(record.text, textOf(three, clock.nowMs))
  t.equal(repairs(worker.calls), 1)
  t.equal(worker.calls.at(-1), 'recheck', 'and the workers learn until when they may trust the pairs now')
})

t.test('looks that were complete put none off', async t => {
  const { worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  for (let looks = 1; looks <= 6; looks++) {
    clock.nowMs += REPAIR_EVERY_MS + 1
    await tick()
    t.equal(repairs(worker.calls), looks)
    await tick()
  }
})

t.test('a look that is not complete is repeated and not noted', async t => {
  const { record, worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  worker.onRepair = async () => false
  clock.nowMs += REPAIR_EVERY_MS + 1
  await tick()
  await tick()
  t.equal(repairs(worker.calls), 2)
  t.equal(record.text, textOf(three, NOW_MS))
})

t.test('looks that are not complete again and again are repeated less and less often', async t => {
  const { worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  worker.onRepair = async () => false
  clock.nowMs += REPAIR_EVERY_MS + 1
  for (let i = 0; i < 100; i++) await tick()
  const looks = repairs(worker.calls)
  t.ok(looks > 5 && looks < 12, `${looks} of a hundred`)
})

t.test('out of touch for too long while it ran', async t => {
  const { record, worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  worker.onRepair = async () => false
  let finish = (_complete: boolean) => {}
  worker.onRecover = () =>
    new Promise(resolve => {
      finish = resolve
    })
  clock.nowMs += REPAIR_TRUST_MS
  await tick()
  t.equal(record.text, RECOVERING_MARK)
  t.same(
    worker.calls.filter(call => /^re(?:check|cover)/.test(call)),
    ['recheck', 'recover 2'],
    'workers stop counting before anything is dropped'
  )
  finish(true)
  await settle()
  t.equal(record.text, textOf({ ...three, epoch: 2 }, clock.nowMs))
})

t.test('out of touch for too long while a look goes on', async t => {
  const { record, worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  let finish = (_complete: boolean) => {}
  worker.onRepair = () =>
    new Promise(resolve => {
      finish = resolve
    })
  let recovered = (_complete: boolean) => {}
  worker.onRecover = () =>
    new Promise(resolve => {
      recovered = resolve
    })
  clock.nowMs += REPAIR_TRUST_MS - 1_000
  await tick()
  t.equal(repairs(worker.calls), 1)
  clock.nowMs += 1_000
  await tick()
  t.equal(record.text, RECOVERING_MARK, 'it does not wait for the look to end')
  finish(true)
  await tick()
  t.equal(record.text, RECOVERING_MARK, 'whose end changes nothing')
  recovered(true)
  await settle()
  t.equal(record.text, textOf({ ...three, epoch: 2 }, clock.nowMs))
})

t.test(
  'out of touch for too long after many looks that failed: it does not wait for the next of those',
  async t => {
    const { worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
    worker.onRepair = async () => false
    clock.nowMs += REPAIR_EVERY_MS + 1
    for (let i = 0; i < 10; i++) await tick()
    clock.nowMs = NOW_MS + REPAIR_TRUST_MS
    await tick()
    t.ok(worker.calls.includes('recover 2'))
  }
)

t.test('a look that ends when the node was out of touch for too long', async t => {
  const { record, worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  let finish = (_complete: boolean) => {}
  worker.onRepair = () =>
    new Promise(resolve => {
      finish = resolve
    })
  worker.onRecover = async () => false
  clock.nowMs += REPAIR_TRUST_MS - 1_000
  await tick()
  clock.nowMs += 1_000
  finish(true)
  await settle()
  await tick()
  t.equal(record.text, RECOVERING_MARK, 'as the process was held up, say')
})

t.test('its storage forgets while it looks', async t => {
  const { record, worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  let finish = (_complete: boolean) => {}
  worker.onRepair = () =>
    new Promise(resolve => {
      finish = resolve
    })
  clock.nowMs += REPAIR_EVERY_MS + 1
  await tick()
  t.equal(repairs(worker.calls), 1)
  record.text = undefined
  let recovered = (_complete: boolean) => {}
  worker.onRecover = () =>
    new Promise(resolve => {
      recovered = resolve
    })
  await tick()
  t.equal(record.text, RECOVERING_MARK)
  t.ok(worker.calls.includes('recover 2'), 'it recovers at once')
  finish(true)
  await tick()
  t.equal(record.text, RECOVERING_MARK, 'the end of the look changes nothing')
  recovered(true)
  await settle()
  t.equal(record.text, textOf({ ...three, epoch: 2 }, clock.nowMs))
})

t.test('away for too long', async t => {
  const { record, worker, tick } = await startKeeper(t, {
    file: three,
    text: textOf(three, NOW_MS - REPAIR_TRUST_MS)
  })
  await tick()
  t.same(record.writes(), ['replace mark', 'replace ring'])
  t.ok(worker.calls.includes('recover 2'))
  t.equal(record.text, textOf({ ...three, epoch: 2 }))
})

t.test('the answer to the mark is lost', async t => {
  const { record, worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  const recoveries = () => worker.calls.filter(call => call.startsWith('recover'))
  clock.nowMs += REPAIR_TRUST_MS
  await tick()
  t.same(recoveries(), ['recover 2'])
  const { replace } = record.record
  record.record.replace = async text => {
    record.record.replace = replace
    await replace(text)
    throw new Error('no answer in time')
  }
  worker.onRepair = async () => false
  clock.nowMs += REPAIR_TRUST_MS
  await tick()
  t.equal(record.text, RECOVERING_MARK)
  await tick()
  t.same(recoveries(), ['recover 2', 'recover 3'], 'under a ring that was renewed once more')
})

t.test('its clock was set back', async t => {
  const { record, worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  worker.onRecover = async () => false
  clock.nowMs -= CLOCK_SKEW_MAX_MS - 1
  await tick()
  t.match(record.text, /^\{/, 'by no more than clocks differ')
  clock.nowMs -= 1
  await tick()
  t.equal(record.text, RECOVERING_MARK, 'by more: when it last looked, nobody knows')
})

t.test('with two replicas none misses a write, so none distrusts itself', async t => {
  const { record, worker, tick } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1), 0) })
  await tick()
  t.match(record.text, /^\{/)
  t.same(
    worker.calls.filter(call => /re(?:pair|cover)/.test(call)),
    []
  )
})

t.test('a third replica after a long time with two, in which it missed nothing', async t => {
  const two = { ...ringOf(1), replicas: 3 }
  const { keeper, record, worker, tick } = await startKeeper(t, {
    file: two,
    text: textOf(two, NOW_MS - 2 * REPAIR_TRUST_MS)
  })
  await keeper.install({ ...three, epoch: 2 })
  await tick()
  t.equal(record.text, textOf({ ...three, epoch: 2 }))
  t.same(
    worker.calls.filter(call => /recover/.test(call)),
    []
  )
})

t.test('a ring with a third replica that came about without it', async t => {
  const two = { ...ringOf(1), replicas: 3 }
  const { keeper, worker, tick } = await startKeeper(t, {
    file: two,
    text: textOf(two, NOW_MS - 2 * REPAIR_TRUST_MS)
  })
  await keeper.install({ ...three, epoch: 3 })
  await tick()
  t.ok(worker.calls.includes('recover 4'))
})

t.test(
  'a receiver that cannot complete a look begins anew while what its sources missed can still be had',
  async t => {
    const joint = {
      ...three,
      epoch: 2,
      next: [...three.tokens, { position: 500, node: NODE }],
      pending: [NODE],
      since: 2
    }
    const { keeper, record, worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
    worker.onRepair = worker.onReceive = worker.onRecover = async () => false
    clock.nowMs += SOURCE_TRUST_MS + 1
    await keeper.install(joint)
    await tick()
    t.match(record.text, /^\{/, 'what it holds since before the change is trusted as ever')
    clock.nowMs += SOURCE_TRUST_MS - 2
    await tick()
    t.match(record.text, /^\{/)
    clock.nowMs += 1
    await tick()
    t.equal(record.text, RECOVERING_MARK)
  }
)

t.test('a ring that comes while the record is written with the one before', async t => {
  const { keeper, record, worker, clock, tick } = await startKeeper(t, { file: three, text: textOf(three) })
  clock.nowMs += REPAIR_EVERY_MS + 1
  await tick()
  t.equal(repairs(worker.calls), 1)
  let go = () => {}
  const { replace } = record.record
  record.record.replace = async text => {
    record.record.replace = replace
    await new Promise<void>(resolve => {
      go = resolve
    })
    return replace(text)
  }
  await tick()
  const installed = keeper.install({ ...three, epoch: 2 })
  await settle()
  go()
  await installed
  t.equal(record.text, textOf({ ...three, epoch: 2 }, clock.nowMs), 'the record has it once it is in force')
})
