// Where there is no room for another body, the ones that have been coming for too long give way, the oldest
// first and no more than need be; those that have come as a whole, and all others, stay.

import { EventEmitter } from 'node:events'
import { type RouteOptions } from 'fastify'
import t from 'tap'
import { createBodyBudget } from '../../../plugins/requests/bodies.ts'
import { BATCH_BYTES } from '../../../src/limits.ts'
import { BODIES_BYTES, BODY_PATIENCE_MS } from '../../../plugins/requests/limits.ts'

interface Sent {
  readonly request: { complete: boolean; destroyed: boolean }
  readonly response: EventEmitter
  readonly refused: unknown
}

/** A route with a budget of its own, a clock, and what sends it batches. */
function startRoute() {
  let nowMs = 0
  const route = { method: 'POST', url: '/kv/batch', bodyLimit: BATCH_BYTES } as unknown as RouteOptions
  createBodyBudget(() => nowMs)(route)
  const admit = route.preParsing as unknown as (
    request: unknown,
    reply: unknown,
    payload: unknown,
    done: (error?: unknown) => void
  ) => void

  function send(): Sent {
    const request = {
      headers: { 'content-length': String(BATCH_BYTES) },
      complete: false,
      destroyed: false,
      destroy() {
        this.destroyed = true
      }
    }
    const response = new EventEmitter()
    let refused: unknown
    admit({ raw: request }, { raw: response }, undefined, error => {
      refused = error
    })
    return { request, response, refused }
  }

  return {
    send,
    pass: (ms: number) => {
      nowMs += ms
    }
  }
}

const FITS = BODIES_BYTES / BATCH_BYTES
const REFUSED = { code: 'KV_ERR_OVERLOADED' }

t.test('after a while, not before', async t => {
  const { send, pass } = startRoute()
  const sent = Array.from({ length: FITS }, send)
  pass(BODY_PATIENCE_MS - 1)
  t.match(send().refused, REFUSED)
  ;(sent[0] as Sent).request.complete = true
  pass(1)
  t.equal(send().refused, undefined)
  t.same(
    sent.map(({ request }) => request.destroyed),
    [false, true, ...Array(FITS - 2).fill(false)]
  )
  for (const { request } of sent) request.complete = true
  t.match(send().refused, REFUSED)
})

t.test('what it held is given back once', async t => {
  const { send, pass } = startRoute()
  const sent = Array.from({ length: FITS }, send)
  pass(BODY_PATIENCE_MS)
  t.equal(send().refused, undefined)
  ;(sent[0] as Sent).response.emit('close')
  pass(-1)
  t.match(send().refused, REFUSED)
  ;(sent[1] as Sent).response.emit('close')
  t.equal(send().refused, undefined)
})
