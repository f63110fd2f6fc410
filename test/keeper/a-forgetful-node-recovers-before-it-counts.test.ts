// What the keeper does when the ring record is gone: it puts a mark in its place, lets a worker fetch the
// pairs, and only then puts the ring in place of the mark. Whatever happens in between, the ring is not there
// before everything is.

import t from 'tap'
import { RECOVERING_MARK } from '../../src/core/ports.ts'
import { fakeWorker, join, NODE, OTHER, ringOf, settle, startKeeper, textOf } from './keeper-fakes.ts'

const remembering = { file: ringOf(1), text: textOf(ringOf(1)) }

t.test('mark, recovery, ring, in this order', async t => {
  const { record, worker, tick } = await startKeeper(t, remembering)
  const seen: Array<string | undefined> = []
  worker.onRecover = async () => {
    seen.push(record.text)
    return true
  }
  record.text = undefined
  await tick()
  t.same(seen, [RECOVERING_MARK])
  t.equal(record.text, textOf(ringOf(2)))
  t.same(record.writes(), ['add mark', 'replace ring'])
})

t.test('a recovery that is not complete is begun again', async t => {
  const { record, worker, tick } = await startKeeper(t, remembering)
  const outcomes = [
    async () => false,
    async () => {
      throw new Error('the worker died')
    },
    async () => true
  ]
  worker.onRecover = () => (outcomes.shift() as () => Promise<boolean>)()
  record.text = undefined
  await tick()
  t.equal(record.text, RECOVERING_MARK)
  await tick()
  t.equal(record.text, RECOVERING_MARK)
  await tick()
  t.equal(record.text, textOf(ringOf(2)))
})

t.test('only one recovery runs at a time', async t => {
  const { record, worker, tick } = await startKeeper(t, remembering)
  let finish = (_complete: boolean) => {}
  worker.onRecover = () =>
    new Promise(resolve => {
      finish = resolve
    })
  record.text = undefined
  for (let i = 0; i < 5; i++) await tick()
  t.same(
    worker.calls.filter(call => call === 'recover 2'),
    ['recover 2']
  )
  finish(true)
  await settle()
  t.equal(record.text, textOf(ringOf(2)))
})

t.test('a storage that is emptied once more starts over', async t => {
  const { record, worker, tick } = await startKeeper(t, remembering)
  let finish = (_complete: boolean) => {}
  worker.onRecover = () =>
    new Promise(resolve => {
      finish = resolve
    })
  record.text = undefined
  await tick()
  record.text = undefined
  finish(true)
  await settle()
  t.equal(record.text, undefined, 'the ring does not replace what is not there')
  await tick()
  t.equal(record.text, RECOVERING_MARK)
  finish(true)
  await settle()
  t.equal(record.text, textOf(ringOf(3)), 'under a ring that was renewed each time')
  t.same(record.writes(), ['add mark', 'replace ring', 'add mark', 'replace ring'])
})

t.test('a ring that is installed in the middle does not mask it', async t => {
  const moved = ringOf(3, [OTHER, NODE])
  const { keeper, record, worker, tick } = await startKeeper(t, remembering)
  let finish = (_complete: boolean) => {}
  worker.onRecover = () =>
    new Promise(resolve => {
      finish = resolve
    })
  record.text = undefined
  await tick()
  await keeper.install(moved)
  t.equal(record.text, RECOVERING_MARK, 'the install did not touch it')
  t.match(worker.calls, [
    'switchTo 1',
    'serve 1',
    'switchTo 2',
    'serve 2',
    'recover 2',
    'switchTo 3',
    'serve 3'
  ])
  finish(true)
  await settle()
  t.equal(record.text, RECOVERING_MARK, 'what was fetched by the older ring may be other slots')
  await tick()
  finish(true)
  await settle()
  t.equal(record.text, textOf(moved))
})

t.test('a ring that changes and changes back in the middle', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t, remembering)
  let finish = (_complete: boolean) => {}
  worker.onRecover = () =>
    new Promise(resolve => {
      finish = resolve
    })
  record.text = undefined
  await tick()
  await keeper.install({ ...ringOf(3, [OTHER, NODE]), since: 3 })
  await keeper.install({ ...ringOf(4), since: 4 })
  finish(true)
  await settle()
  t.equal(record.text, RECOVERING_MARK, 'a source may have purged what it was to give, and hold it anew')
  await tick()
  finish(true)
  await settle()
  t.equal(record.text, textOf({ ...ringOf(4), since: 4 }))
})

t.test('the answer to the mark is lost', async t => {
  const { record, worker, tick } = await startKeeper(t, remembering)
  const recoveries = () => worker.calls.filter(call => call.startsWith('recover'))
  record.text = undefined
  await tick()
  t.same(recoveries(), ['recover 2'])
  const { add } = record.record
  record.record.add = async text => {
    record.record.add = add
    await add(text)
    throw new Error('no answer in time')
  }
  record.text = undefined
  await tick()
  t.equal(record.text, RECOVERING_MARK)
  await tick()
  t.same(recoveries(), ['recover 2', 'recover 3'], 'under a ring that was renewed once more')
})

t.test('a process that starts and finds the mark goes on', async t => {
  const { record, worker, tick } = await startKeeper(t, { file: ringOf(1), text: RECOVERING_MARK })
  await tick()
  t.ok(worker.calls.includes('recover 2'))
  t.same(record.writes(), ['replace ring'])
  t.equal(record.text, textOf(ringOf(2)))
})

t.test('a process that starts with the mark and no ring waits to learn one', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t, { text: RECOVERING_MARK })
  await tick()
  t.same(record.writes(), [])
  await keeper.install(ringOf(1))
  await tick()
  t.ok(worker.calls.includes('recover 2'))
  t.equal(record.text, textOf(ringOf(2)))
})

t.test('a record that cannot be reached is tried again', async t => {
  const { record, worker, tick } = await startKeeper(t, remembering)
  record.text = undefined
  record.unreachable = true
  await tick()
  await tick()
  t.same(record.writes(), [])
  record.unreachable = false
  await tick()
  t.same(
    worker.calls.filter(call => call.startsWith('recover')),
    ['recover 2']
  )
  t.equal(record.text, textOf(ringOf(2)))
})

t.test('without any worker the recovery waits for one', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t, remembering)
  keeper.removeWorker(worker.port)
  record.text = undefined
  await tick()
  t.equal(record.text, RECOVERING_MARK)
  const successor = fakeWorker()
  await join(keeper, successor)
  await tick()
  t.ok(successor.calls.includes('recover 2'))
  t.equal(record.text, textOf(ringOf(2)))
})

t.test('the ring is renewed before anything is fetched, once for each loss', async t => {
  const { record, worker, tick } = await startKeeper(t, remembering)
  worker.onRecover = async () => false
  record.text = undefined
  await tick()
  await tick()
  await tick()
  t.match(worker.calls, [
    'switchTo 1',
    'serve 1',
    'switchTo 2',
    'serve 2',
    'recover 2',
    'recover 2',
    'recover 2'
  ])
})

for (const [how, fail] of [
  ['fails', async () => false],
  [
    'is interrupted',
    async () => {
      throw new Error('the worker died')
    }
  ]
] as const) {
  t.test(
    `a recovery that ${how} again and again is tried less and less often, until a ring comes`,
    async t => {
      const { keeper, record, worker, tick } = await startKeeper(t, remembering)
      worker.onRecover = fail
      record.text = undefined
      const attempts = () => worker.calls.filter(call => call.startsWith('recover')).length
      for (let i = 0; i < 100; i++) await tick()
      t.ok(attempts() > 5 && attempts() < 12, `${attempts()} attempts in a hundred looks`)
      await keeper.install(ringOf(5))
      worker.onRecover = async () => true
      await tick()
      t.equal(record.text, textOf(ringOf(5)), 'at once')
    }
  )
}

t.test('an operator is told what a recovery waits for, until it is complete', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t, remembering)
  t.equal(await keeper.waitsFor(), undefined)
  worker.port.fetch = async () => ({ complete: false, waitsFor: 'more memory' })
  record.text = undefined
  await tick()
  t.equal(await keeper.waitsFor(), 'more memory')
  worker.port.fetch = async () => {
    throw new Error('the worker died')
  }
  await tick()
  t.equal(await keeper.waitsFor(), 'the worker died')
  worker.port.fetch = async () => ({ complete: true })
  await tick()
  t.equal(await keeper.waitsFor(), undefined)
})

t.test('a new loss does not wait for what failed before it', async t => {
  const { record, worker, tick } = await startKeeper(t, remembering)
  worker.onRecover = async () => false
  record.text = undefined
  for (let i = 0; i < 30; i++) await tick()
  worker.onRecover = async () => true
  record.text = undefined
  await tick()
  t.equal(record.text, textOf(ringOf(3)))
})

t.test('where no other node holds its pairs, there is nothing to fence off', async t => {
  const single = { ...ringOf(1), replicas: 1 }
  const { record, worker, tick } = await startKeeper(t, { file: single, text: textOf(single) })
  worker.onRenew = async () => {
    throw new Error('too few members agree')
  }
  record.text = undefined
  await tick()
  t.ok(worker.calls.includes('recover 1'))
  t.equal(record.text, textOf(single))
})

t.test('a keeper that is closed in the middle of a look ends it first', async t => {
  const { keeper, record, tick } = await startKeeper(t, remembering)
  let open = () => {}
  record.gate = new Promise<void>(resolve => {
    open = resolve
  })
  await tick()
  const closed = keeper.close()
  await settle()
  t.notOk(record.calls.includes('close'))
  open()
  await closed
  t.equal(record.calls.at(-1), 'close')
  await tick()
  t.equal(record.calls.at(-1), 'close', 'and never looks again')
})

t.test('a keeper that is closed in the middle of an install ends it first', async t => {
  const { keeper, record, worker } = await startKeeper(t, remembering)
  let end = () => {}
  worker.onSwitch = () =>
    new Promise(resolve => {
      end = resolve
    })
  const installed = keeper.install(ringOf(2))
  await settle()
  const closed = keeper.close()
  await settle()
  t.notOk(record.calls.includes('close'))
  end()
  await Promise.all([installed, closed])
  t.equal(record.calls.at(-1), 'close')
})
