// A worker that gives no sign of life is not chosen for tasks. If it stays silent it is ended, and its own
// task fails only then: it might wake up beside the worker that does the task anew.

import t from 'tap'
import { pino } from 'pino'
import { type Ring } from '../../src/core/ring/ring.ts'
import { createWorkers } from '../../src/keeper/workers.ts'
import { INSTALL_DEADLINE_MS } from '../../src/limits.ts'
import { BEAT_MS, WORKER_LOST_MS, WORKER_STUCK_MS } from '../../src/core/processes/limits.ts'
import { createDrivenTimers } from '../support/simulation/driven-timers.ts'
import { fakeWorker, join, ringOf, startKeeper, textOf } from './keeper-fakes.ts'

/**
 * A worker that can be stopped as by SIGSTOP. What it is asked meanwhile it does when it goes on; all that it
 * has under way rejects when it has ended.
 */
function stoppable() {
  const worker = fakeWorker()
  const { port } = worker
  let goOn = () => {}
  let going = Promise.resolve()
  let ended = () => {}
  const end = new Promise<never>((_resolve, reject) => {
    ended = () => reject(new Error('the other process is gone'))
  })
  end.catch(() => {})
  const asked = <T>(act: () => Promise<T>): Promise<T> => Promise.race([going.then(act), end])

  return Object.assign(worker, {
    port: {
      ...port,
      beat: () => asked(async () => {}),
      switchTo: (ring: Ring) => asked(() => port.switchTo(ring)),
      fetch: (ring: Ring, forgotten: boolean) => asked(() => port.fetch(ring, forgotten)),
      renew: (ring: Ring) => asked(() => port.renew(ring))
    },
    stop() {
      going = new Promise(resolve => {
        goOn = resolve
      })
    },
    goOn: () => goOn(),
    ended
  })
}

async function twoWorkers() {
  const timers = createDrivenTimers()
  const team = createWorkers(pino({ level: 'silent' }), timers)
  const [oldest, second] = [stoppable(), stoppable()]
  await team.add(oldest.port, undefined)
  await team.add(second.port, undefined)
  return { timers, team, oldest, second }
}

t.test('the oldest worker that answers is chosen', async t => {
  const { timers, team, oldest, second } = await twoWorkers()
  await timers.pass(10 * WORKER_LOST_MS)
  t.equal(team.any(), oldest.port)
  oldest.stop()
  await timers.pass(BEAT_MS + WORKER_STUCK_MS)
  t.equal(team.any(), second.port, 'the other one, while it is silent')
  oldest.goOn()
  await timers.pass(BEAT_MS)
  t.equal(team.any(), oldest.port, 'itself, when it is back')
  t.notOk(oldest.calls.includes('kill'))
  oldest.stop()
  second.stop()
  await timers.pass(BEAT_MS + WORKER_STUCK_MS)
  t.equal(team.any(), undefined, 'nobody, if all are silent')
})

t.test('a worker that stays silent is ended, and its task fails no sooner', async t => {
  const { timers, team, oldest, second } = await twoWorkers()
  oldest.stop()
  let failed = false
  const task = team
    .any()
    ?.fetch(ringOf(1), true)
    .catch(() => {
      failed = true
    })
  await timers.pass(WORKER_LOST_MS - 1)
  t.same(oldest.calls, [])
  t.notOk(failed)
  await timers.pass(1 + BEAT_MS)
  t.same(oldest.calls, ['kill'])
  t.notOk(failed, 'it may not have ended yet')
  oldest.ended()
  await task
  t.ok(failed)
  t.equal(team.any(), second.port)
  await timers.pass(10 * WORKER_LOST_MS)
  t.same(oldest.calls, ['kill'], 'once')
  t.same(second.calls, [])
})

t.test('a primary that was held up does not take it for silence of the workers', async t => {
  const { timers, team, oldest, second } = await twoWorkers()
  for (const worker of [oldest, second]) worker.stop()
  await timers.pass(BEAT_MS)
  for (let i = 0; i < 3; i++) await timers.holdUp(10 * WORKER_LOST_MS)
  t.equal(team.any(), oldest.port)
  for (const worker of [oldest, second]) worker.goOn()
  await timers.pass(10 * WORKER_LOST_MS)
  t.same([oldest.calls, second.calls], [[], []])
})

t.test('nor for a ring that is not taken in time', async t => {
  const { timers, team, oldest, second } = await twoWorkers()
  for (const worker of [oldest, second]) worker.stop()
  const installed = team.install(ringOf(2))
  await timers.holdUp(2 * INSTALL_DEADLINE_MS)
  for (const worker of [oldest, second]) worker.goOn()
  await timers.pass(0)
  await installed
  t.same([oldest.calls, second.calls], Array(2).fill(['switchTo 2', 'serve 2']))
})

t.test('a worker that is this process itself is not watched', async t => {
  const timers = createDrivenTimers()
  const team = createWorkers(pino({ level: 'silent' }), timers)
  const alone = fakeWorker()
  await team.add(alone.port, undefined)
  await timers.pass(10 * WORKER_LOST_MS)
  t.equal(team.any(), alone.port)
  t.same(alone.calls, [])
})

t.test('another worker recovers the node, but not before the stuck one has ended', async t => {
  const timers = createDrivenTimers()
  const {
    keeper,
    worker: first,
    record,
    tick
  } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)), timers })
  const [oldest, second] = [stoppable(), stoppable()]
  for (const worker of [oldest, second]) await join(keeper, worker)
  keeper.removeWorker(first.port)
  let recovered = () => {}
  oldest.onRecover = () =>
    new Promise(resolve => {
      recovered = () => resolve(true)
    })
  record.text = undefined
  await tick()
  t.equal(oldest.calls.at(-1), 'recover 2')
  oldest.stop()
  await timers.pass(BEAT_MS + WORKER_LOST_MS - 1)
  await tick()
  t.notOk(second.calls.includes('recover 2'), 'it may still wake up')
  await timers.pass(1)
  t.equal(oldest.calls.at(-1), 'kill')
  await tick()
  t.notOk(second.calls.includes('recover 2'), 'it may not have ended yet')
  oldest.ended()
  await timers.pass(0)
  await tick()
  t.equal(second.calls.at(-2), 'recover 2')
  t.equal(record.text, textOf(ringOf(2)), 'it counts again')
  recovered()
  await tick()
  t.equal(second.calls.filter(call => call === 'recover 2').length, 1, 'once')
})
