// A process that ends soon after its start is started again after a pause that doubles up to a limit; one
// that lived for longer than that limit is started again nearly at once.

import t from 'tap'
import { RESPAWN_MAX_MS, RESPAWN_MIN_MS } from '../../../src/core/processes/limits.ts'
import { respawnPauseMs } from '../../../src/core/processes/respawn.ts'

t.test('quick deaths', async t => {
  const pauses = [RESPAWN_MIN_MS]
  for (let i = 0; i < 10; i++) pauses.push(respawnPauseMs(1, pauses.at(-1) as number))
  t.same(pauses.slice(0, 4), [50, 100, 200, 400])
  t.equal(pauses.at(-1), RESPAWN_MAX_MS)
})

t.test('a long life', async t => {
  t.equal(respawnPauseMs(RESPAWN_MAX_MS + 1, RESPAWN_MAX_MS), RESPAWN_MIN_MS)
  t.equal(respawnPauseMs(RESPAWN_MAX_MS, 1_000), 2_000, 'it has to be longer than the longest pause')
})
