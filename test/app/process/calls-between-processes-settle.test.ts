// The calls between primary and worker: each settles, with a result, with the other side's coded error, when
// the other side is gone, or when the time is up.

import { EventEmitter } from 'node:events'
import { mock } from 'node:test'
import t from 'tap'
import { createIpc, type Handlers, type IpcEnd } from '../../../src/process/ipc.ts'
import { KvError } from '../../../src/errors.ts'
import { IPC_DEADLINE_MS } from '../../../src/limits.ts'
import { passMocked } from '../../support/simulation/driven-timers.ts'

/** Two ends whose messages travel as Node's do: as copies, later, and not at all once the channel is cut. */
function channel() {
  const sides = [new EventEmitter(), new EventEmitter()] as const
  let cut = false
  const end = (mine: EventEmitter, other: EventEmitter): IpcEnd => ({
    send(message) {
      const copy = JSON.parse(JSON.stringify(message))
      if (!cut) setImmediate(() => other.emit('message', copy))
    },
    onMessage: listener => {
      mine.on('message', listener)
    },
    onGone: listener => {
      mine.on('gone', listener)
    }
  })
  return {
    ends: [end(...sides), end(sides[1], sides[0])] as const,
    sides,
    cut() {
      cut = true
      for (const side of sides) side.emit('gone')
    }
  }
}

function pair(handlers: Handlers) {
  const { ends, sides, cut } = channel()
  const defects: object[] = []
  createIpc(ends[1], handlers, {
    error: (about: object) => {
      defects.push(about)
    }
  })
  return { ipc: createIpc(ends[0], {}, { error() {} }), sides, cut, defects }
}

t.test('results come back, each to its call', async t => {
  const waiting = new Map<string, (result: string) => void>()
  const { ipc } = pair({
    echo: argument => argument,
    later: argument => new Promise(resolve => waiting.set(argument, resolve))
  })
  t.equal(await ipc.call('echo', 'ü\n'), 'ü\n')
  const [one, two] = [ipc.call('later', '1'), ipc.call('later', '2')]
  await ipc.call('echo', '')
  waiting.get('2')?.('second')
  waiting.get('1')?.('first')
  t.same(await Promise.all([one, two]), ['first', 'second'])
})

t.test('coded errors keep code and message, others are defects', async t => {
  const { ipc, defects } = pair({
    coded: () => {
      throw new KvError('KV_ERR_RING_CONFLICT', 'another ring')
    },
    plain: async () => {
      throw new TypeError('broken')
    }
  })
  await t.rejects(ipc.call('coded', ''), {
    name: 'KvError',
    code: 'KV_ERR_RING_CONFLICT',
    statusCode: 409,
    message: 'another ring'
  })
  await t.rejects(ipc.call('plain', ''), { code: 'KV_ERR_INTERNAL', message: 'broken' })
  t.match(defects, [{ call: 'plain', err: { message: 'broken' } }])
  await t.rejects(ipc.call('nothing', ''), { code: 'KV_ERR_INTERNAL' })
})

t.test('a call without a deadline waits for as long as it takes', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let finish = (_result: string) => {}
  const { ipc } = pair({
    copy: () =>
      new Promise(resolve => {
        finish = resolve
      }),
    echo: argument => argument
  })
  const copied = ipc.call('copy', '', Infinity)
  await ipc.call('echo', '')
  mock.timers.tick(24 * 60 * 60 * 1000)
  finish('all')
  t.equal(await copied, 'all')
})

t.test('a call to a side that goes away ends, and so do later ones', async t => {
  const { ipc, cut } = pair({ never: () => new Promise(() => {}) })
  const call = ipc.call('never', '')
  setImmediate(cut)
  await t.rejects(call, { code: 'KV_ERR_INSTALL', message: /gone/ })
  await t.rejects(ipc.call('never', ''), { code: 'KV_ERR_INSTALL', message: /gone/ })
})

t.test('a call ends when its time is up, and a late answer is nothing', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let answer = (_result: string) => {}
  const { ipc } = pair({
    slow: () =>
      new Promise(resolve => {
        answer = resolve
      }),
    echo: argument => argument
  })
  const usual = ipc.call('slow', '')
  await passMocked(IPC_DEADLINE_MS - 1)
  t.equal(await ipc.call('echo', 'still'), 'still')
  mock.timers.tick(1)
  await t.rejects(usual, { code: 'KV_ERR_INSTALL', message: /too long/ })
  answer('late')
  t.equal(await ipc.call('echo', 'on'), 'on')
  const short = ipc.call('slow', '', 5)
  mock.timers.tick(5)
  await t.rejects(short, { code: 'KV_ERR_INSTALL' })
})

t.test('a process that was held up has not waited meanwhile', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let answer = (_result: string) => {}
  const { ipc } = pair({
    slow: () =>
      new Promise(resolve => {
        answer = resolve
      }),
    echo: argument => argument
  })
  const call = ipc.call('slow', '')
  await ipc.call('echo', '')
  mock.timers.tick(10 * IPC_DEADLINE_MS)
  await ipc.call('echo', '')
  answer('in time')
  t.equal(await call, 'in time')
})

t.test('messages that are none of these are ignored', async t => {
  const { ipc, sides } = pair({ echo: argument => argument })
  for (const side of sides) {
    for (const message of [
      {},
      { other: 1 },
      { answer: 77, result: 'x' },
      { answer: 78, error: { code: 'KV_ERR_FULL', message: 'x' } }
    ]) {
      side.emit('message', message)
    }
  }
  t.equal(await ipc.call('echo', 'on'), 'on')
})
