// A machine that sleeps in the middle of a copy goes on a day later with what it had read before. A value
// among it may have been deleted since, and the tombstone forgotten everywhere: merged then, it would be
// back.

import t from 'tap'
import { REPAIR_TRUST_MS } from '../../../src/limits.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { startNodes } from '../../support/cluster/nodes.ts'
import { createGate, writeKeys } from '../../support/cluster/ring-changes.ts'

for (const [what, sleepMs, complete] of [
  ['a day', REPAIR_TRUST_MS, false],
  ['an hour', 60 * 60 * 1000, true]
] as const) {
  t.test(what, async t => {
    let nowMs = Date.now()
    const gate = createGate()
    const [a, b] = await startNodes(t, 2, { replicas: 2, wrap: gate.wrap, wallMs: () => nowMs })
    await writeKeys(t, a, 300)
    gate.close(0)
    const fetching = b.app.copying.fetch(b.keeper.ring as Ring, true)
    await gate.held()
    nowMs += sleepMs + 1
    gate.open()
    t.equal((await fetching).complete, complete)
  })
}
