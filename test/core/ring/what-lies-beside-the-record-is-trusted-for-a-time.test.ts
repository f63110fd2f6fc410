// Until when a node may trust what it holds: for nearly a day after a complete look, by a clock that was not
// set back; for half of that while it takes slots over; and for ever where no write can miss it.

import t from 'tap'
import { CLOCK_SKEW_MAX_MS, REPAIR_TRUST_MS, SOURCE_TRUST_MS } from '../../../src/limits.ts'
import { RECOVERING_MARK } from '../../../src/core/ports.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import {
  canMissWrites,
  isTrusted,
  parseSentinel,
  sentinelText,
  trustIn,
  trustInReceiver,
  trustInText
} from '../../../src/core/ring/sentinel.ts'

const three: Ring = {
  generation: 7,
  epoch: 1,
  replicas: 3,
  tokens: [1, 2, 3].map(i => ({ position: 1000 * i, node: `127.0.0.1:500${i}` }))
}
const two = { ...three, replicas: 2 }
const LOOKED_MS = 1_000_000_000
const ALWAYS = { fromMs: -Infinity, untilMs: Infinity }
const fromMs = LOOKED_MS - CLOCK_SKEW_MAX_MS

t.test('a write misses a replica only where there are more than two', async t => {
  t.equal(canMissWrites(three), true)
  t.equal(canMissWrites(two), false)
  t.equal(canMissWrites({ ...three, tokens: three.tokens.slice(1) }), false, 'there are no more nodes')
})

t.test('nearly a day', async t => {
  const sentinel = { ring: three, repairedMs: LOOKED_MS }
  t.same(trustIn(sentinel), { fromMs, untilMs: LOOKED_MS + REPAIR_TRUST_MS })
  t.same(trustIn({ ...sentinel, ring: two }), ALWAYS)
})

t.test('a receiver: half of it since the change began, or since it looked after that', async t => {
  const sentinel = { ring: three, repairedMs: LOOKED_MS }
  const untilMs = (dueSinceMs: number) => {
    const trust = trustInReceiver(sentinel, dueSinceMs)
    t.equal(trust.fromMs, fromMs)
    return trust.untilMs - LOOKED_MS
  }
  t.equal(untilMs(LOOKED_MS), SOURCE_TRUST_MS)
  t.equal(untilMs(LOOKED_MS + 5), 5 + SOURCE_TRUST_MS)
  t.equal(untilMs(LOOKED_MS - 5), SOURCE_TRUST_MS)
  t.equal(untilMs(LOOKED_MS + REPAIR_TRUST_MS), REPAIR_TRUST_MS, 'but no longer than any other')
  t.same(trustInReceiver({ ...sentinel, ring: two }, LOOKED_MS), ALWAYS)
})

t.test('neither at its begin nor at its end', async t => {
  const trust = { fromMs: 10, untilMs: 20 }
  t.same(
    [9, 10, 11, 19, 20, 21].map(nowMs => isTrusted(trust, nowMs)),
    [false, false, true, true, false, false]
  )
})

t.test('the record tells it, and what is no ring vouches for nothing', async t => {
  const sentinel = { ring: three, repairedMs: LOOKED_MS }
  t.same(parseSentinel(sentinelText(sentinel)), sentinel)
  t.same(trustInText(sentinelText(sentinel)), trustIn(sentinel))
  const { repaired, ...older } = JSON.parse(sentinelText(sentinel)) as Record<string, unknown>
  t.equal(repaired, LOOKED_MS)
  t.same(parseSentinel(JSON.stringify(older)), { ring: three, repairedMs: 0 }, 'it does not tell of a look')
  for (const text of [undefined, RECOVERING_MARK, '']) {
    t.equal(parseSentinel(text), undefined)
    t.equal(trustInText(text), undefined)
  }
  t.throws(() => parseSentinel('{}'), { code: 'KV_ERR_RING_INVALID' })
  t.equal(trustInText('{}'), undefined)
})
