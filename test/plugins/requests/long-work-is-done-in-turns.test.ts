// Work in steps holds nobody up: there is one step in a turn of the event loop, however many works there are,
// and each has its turn. For a client who has gone nothing is done.

import { setImmediate as nextTurn } from 'node:timers/promises'
import fastify from 'fastify'
import t from 'tap'
import requests from '../../../plugins/requests/index.ts'
import { createTurns } from '../../../plugins/requests/turns.ts'
import { PARSE_AT_ONCE_BYTES } from '../../../plugins/requests/limits.ts'

const CLIENT = { destroyed: false }

t.test('turn about, one step in a turn', async t => {
  const inTurns = createTurns()
  const steps: string[] = []
  function* work(name: string) {
    for (let i = 0; i < 3; i++) {
      steps.push(`${name}${i}`)
      if (i < 2) yield
    }
    return name
  }
  const works = Promise.all(['a', 'b'].map(name => inTurns(CLIENT, work(name))))
  t.same(steps, [], 'nothing at once')
  for (let turn = 1; turn <= 6; turn++) {
    await nextTurn()
    t.ok(steps.length <= turn, `${steps.length} steps in ${turn} turns`)
  }
  t.same(await works, ['a', 'b'])
  t.same(steps, ['a0', 'b0', 'a1', 'b1', 'a2', 'b2'])
  t.equal(await inTurns(CLIENT, work('c')), 'c', 'later work begins anew')
})

t.test('what fails, fails alone', async t => {
  const inTurns = createTurns()
  function* failing() {
    yield
    throw new Error('broken')
  }
  function* working() {
    yield
    yield
    return 7
  }
  const works = [inTurns(CLIENT, failing()), inTurns(CLIENT, working())]
  await t.rejects(works[0] as Promise<unknown>, { message: 'broken' })
  t.equal(await works[1], 7)
})

t.test('a client who has gone', async t => {
  const inTurns = createTurns()
  const client = { destroyed: false }
  let steps = 0
  function* work() {
    for (;;) yield ++steps
  }
  const works = [inTurns(client, work()), inTurns(client, work())]
  const refused = Promise.all(works.map(work => t.rejects(work, { code: 'KV_ERR_OVERLOADED' })))
  for (let turn = 0; turn < 4; turn++) await nextTurn()
  const taken = steps
  client.destroyed = true
  await refused
  t.equal(steps, taken)
})

t.test('a long body is read in turns, a short one at once', async t => {
  const app = fastify({ bodyLimit: 10 * PARSE_AT_ONCE_BYTES })
  t.teardown(() => app.close())
  await app.register(requests)
  let turnsBetween = 0
  app.addContentTypeParser<Buffer>(
    'test/steps',
    { parseAs: 'buffer' },
    app.bodyParser(function* (body) {
      let turns = 0
      setImmediate(() => {
        turns++
      })
      yield
      yield
      turnsBetween = turns
      return body.length
    })
  )
  app.post('/', async request => ({ length: request.body }))
  const post = (type: string, payload: string) =>
    app.inject({ method: 'POST', url: '/', headers: { 'content-type': type }, payload })
  t.match((await post('test/steps', 'x'.repeat(PARSE_AT_ONCE_BYTES))).json(), { length: PARSE_AT_ONCE_BYTES })
  t.equal(turnsBetween, 0)
  t.match((await post('test/steps', 'x'.repeat(PARSE_AT_ONCE_BYTES + 1))).json(), {
    length: PARSE_AT_ONCE_BYTES + 1
  })
  t.equal(turnsBetween, 1)

  const order: string[] = []
  const form = post('application/x-www-form-urlencoded', `key=${'k'.repeat(PARSE_AT_ONCE_BYTES)}`).then(() =>
    order.push('long')
  )
  const others = Promise.all(
    Array.from({ length: 10 }, () =>
      post('application/x-www-form-urlencoded', 'key=k').then(() => order.push('short'))
    )
  )
  await Promise.all([form, others])
  t.equal(order.at(-1), 'long')
})
