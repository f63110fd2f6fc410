// The pause before a process is started again doubles with each that did not live long, up to a bound, and
// one that lived makes up for all.

import t from 'tap'
import { RESPAWN_MAX_MS, RESPAWN_MIN_MS } from '../../src/core/processes/limits.ts'
import { respawnPauseMs } from '../../src/core/processes/respawn.ts'

t.test('quick deaths, and one late', async t => {
  let pauseMs = RESPAWN_MIN_MS
  const pauses = Array.from({ length: 10 }, () => {
    pauseMs = respawnPauseMs(10, pauseMs)
    return pauseMs
  })
  t.same(pauses.slice(0, 3), [100, 200, 400])
  t.equal(pauses.at(-1), RESPAWN_MAX_MS)
  t.equal(respawnPauseMs(RESPAWN_MAX_MS + 1, pauseMs), RESPAWN_MIN_MS)
})
