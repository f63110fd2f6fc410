// What voters persist and what travels between them, as text and back; any other text is refused with
// KV_ERR_RING_INVALID, and nothing else.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  answerToText,
  parseAnswer,
  parseRequest,
  parseVotes,
  requestToText,
  votesToText,
  type VoteRequest
} from '../../../src/core/consensus/voter.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { KvError } from '../../../src/errors.ts'
import { rings, voteAnswers, voteRequests, votes } from '../../support/checker/arbitraries.ts'

const PARSERS = [parseVotes, parseRequest, parseAnswer]

/** True if every parser takes the text or refuses it as it should. */
function isJudged(text: string): boolean {
  return PARSERS.every(parse => {
    try {
      parse(text)
    } catch (error) {
      if (!(error instanceof KvError) || error.code !== 'KV_ERR_RING_INVALID') return false
    }
    return true
  })
}

t.test('there and back', async () => {
  fc.assert(fc.property(votes, it => assert.deepEqual(parseVotes(votesToText(it)), it)))
  fc.assert(fc.property(voteRequests, it => assert.deepEqual(parseRequest(requestToText(it)), it)))
  fc.assert(fc.property(voteAnswers, it => assert.deepEqual(parseAnswer(answerToText(it)), it)))
})

t.test('text that ends too early is refused', async () => {
  const cases = fc.oneof(
    votes.map(it => ({ text: votesToText(it), parse: parseVotes })),
    voteRequests.map(it => ({ text: requestToText(it), parse: parseRequest })),
    voteAnswers.map(it => ({ text: answerToText(it), parse: parseAnswer }))
  )
  fc.assert(
    fc.property(cases, fc.nat(), ({ text, parse }, at) => {
      assert.throws(() => parse(text.slice(0, at % text.length)), { code: 'KV_ERR_RING_INVALID' })
    })
  )
})

t.test('whatever the text, no other error', async () => {
  const texts = fc.oneof(
    votes.map(votesToText),
    voteRequests.map(requestToText),
    voteAnswers.map(answerToText)
  )
  const changed = fc
    .tuple(texts, fc.nat(), fc.string({ maxLength: 3 }))
    .map(
      ([text, at, put]) => text.slice(0, at % text.length) + put + text.slice((at % text.length) + put.length)
    )
  const swapped = fc.tuple(texts, fc.nat(), fc.jsonValue()).map(([text, which, value]) => {
    const json = JSON.parse(text) as { [name: string]: unknown }
    const names = Object.keys(json)
    return JSON.stringify({ ...json, [names[which % names.length] as string]: value })
  })
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), texts, changed, swapped), isJudged), {
    numRuns: 1_500
  })
})

t.test('each field that is wrong or missing', async t => {
  const good = {
    life: 1,
    forgetful: false,
    after: { generation: 1, epoch: 1 },
    promised: { round: 1, tie: 2 }
  }
  t.same(parseVotes(JSON.stringify(good)), good)
  const ill = { code: 'KV_ERR_RING_INVALID' }
  for (const text of ['', 'null', '7', '[]', '{}']) {
    for (const parse of PARSERS) t.throws(() => parse(text), ill, text)
  }
  const wrong = [
    { life: -1 },
    { life: undefined },
    { life: 2 ** 53 },
    { forgetful: undefined },
    { forgetful: 0 },
    { fresh: 1 },
    { fresh: null },
    { after: null },
    { after: {} },
    { after: { ...good.after, digest: 1 } },
    { promised: { round: 1 } },
    { promised: 'x' },
    { accepted: {} },
    { accepted: { ballot: good.promised } },
    { accepted: { ballot: good.promised, ring: {} } }
  ]
  for (const fields of wrong) {
    t.throws(() => parseVotes(JSON.stringify({ ...good, ...fields })), ill, JSON.stringify(fields))
  }
  for (const answer of [
    { kind: 'silent' },
    { kind: 'promised', life: 1 },
    { kind: 'refused' },
    { kind: 'ahead' },
    { kind: 'ahead', ring: '{}' },
    { kind: 'x' }
  ]) {
    t.throws(() => parseAnswer(JSON.stringify(answer)), ill, JSON.stringify(answer))
  }
})

t.test('a request is for the ring of the next epoch of the same generation', async () => {
  const isRefused = (request: VoteRequest, ring: Ring) =>
    assert.throws(() => parseRequest(requestToText({ ...request, accept: { ring, life: 1, fresh: true } })), {
      code: 'KV_ERR_RING_INVALID'
    })
  fc.assert(
    fc.property(voteRequests, rings, (request, ring) => {
      const { present } = request
      fc.pre(ring.generation !== present.generation || ring.epoch !== present.epoch + 1)
      isRefused(request, ring)
      isRefused(request, present)
      isRefused(request, { ...present, epoch: present.epoch + 2 })
      isRefused(request, { ...present, generation: present.generation + 1, epoch: present.epoch + 1 })
    })
  )
})
