// A source may have missed a delete since it last looked at everything, and the tombstone is gone a day after
// that. So a copy counts only if all of it has come while every source was still to be trusted: else a value
// of the one may outlive the tombstone that another one gave no more.

import t from 'tap'
import { createCopying, type Copying } from '../../../plugins/migration/index.ts'
import { createPull } from '../../../plugins/migration/pull.ts'
import { REPAIR_TRUST_MS, SOURCE_TRUST_MS } from '../../../src/limits.ts'
import { type Proposer } from '../../../src/core/consensus/proposer.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { fakeCopying } from './copying-fakes.ts'
import { NODE, OTHER, ringOf } from '../../keeper/keeper-fakes.ts'

const THIRD = '127.0.0.1:5003'
const RING = { ...ringOf(3, [NODE, OTHER, THIRD]), replicas: 3 }
const HOUR_MS = 60 * 60 * 1000

/**
 * Copies from `OTHER`, which is to be trusted for that long, and from `THIRD`, whose stream takes an hour.
 */
async function copy(
  ring: Ring,
  trustedMs: number,
  work: (copying: Copying) => Promise<unknown>,
  thirdMs = Infinity
) {
  let nowMs = 1_000
  const { app } = await fakeCopying(
    ring,
    node => (node === OTHER ? trustedMs : thirdMs),
    node => {
      if (node === THIRD) nowMs += HOUR_MS
    }
  )
  Object.assign(app.clock, { wallMs: () => nowMs })
  let received = false
  const ringConsensus: Proposer = {
    change: async next => {
      received = true
      return next(ring)
    }
  }
  const result = await work(createCopying(Object.assign(app, { ringConsensus }), { async report() {} }))
  return { result, received }
}

for (const forgotten of [true, false]) {
  t.test(forgotten ? 'a recovery' : 'a look, which one source is enough for but which both give', async t => {
    const ring = forgotten
      ? RING
      : { ...ringOf(3, [NODE, OTHER, THIRD, '127.0.0.1:5004', '127.0.0.1:5005']), replicas: 5 }
    t.match((await copy(ring, HOUR_MS + 1, copying => copying.fetch(ring, forgotten))).result, {
      complete: true
    })
    t.match((await copy(ring, HOUR_MS, copying => copying.fetch(ring, forgotten))).result, {
      complete: false
    })
  })
}

t.test('a copy that takes nearly a day ends, as tombstones may be gone by then', async t => {
  for (const [tookMs, isTaken] of [
    [REPAIR_TRUST_MS - 1, true],
    [REPAIR_TRUST_MS, false]
  ] as const) {
    let nowMs = 1_000
    const { app } = await fakeCopying(
      RING,
      () => Infinity,
      () => {
        nowMs = 1_000 + tookMs
      }
    )
    Object.assign(app.clock, { wallMs: () => nowMs })
    for (const trust of [undefined, { leastMs: 0, until() {} }]) {
      nowMs = 1_000
      const options = trust === undefined ? {} : { trust }
      t.equal((await createPull(app, options)(OTHER, RING, [[0, 9999]])) !== undefined, isTaken)
    }
  }
})

t.test('slots are taken over only from sources that stay to be trusted for long', async t => {
  const { tokens } = ringOf(3, [OTHER, THIRD, '127.0.0.1:5004'])
  const joint: Ring = {
    ...RING,
    tokens,
    next: [...tokens, { position: 500, node: NODE }],
    pending: [NODE],
    since: 3
  }
  const receive = (trustedMs: number) =>
    copy(joint, trustedMs, copying => copying.receive(joint), trustedMs + HOUR_MS)
  t.match(await receive(SOURCE_TRUST_MS + 1), { result: true, received: true })
  t.match(await receive(SOURCE_TRUST_MS - HOUR_MS), { result: false, received: false })
})
