// What was acknowledged holds however far clocks are apart: a replica never says that it has stored what it
// would forget at once, and a tombstone is not older than what it deletes.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { clockedNodes, type ClockedNode } from './clocked-replicas.ts'

const HOUR_MS = 3_600_000

t.test('a coordinator that is 25 hours behind', async t => {
  const nodes = clockedNodes([-25 * HOUR_MS, 0, 0])
  const [behind, ...others] = nodes as unknown as [ClockedNode, ClockedNode, ClockedNode]
  await behind.write('v')
  await behind.remove()
  for (const node of [...nodes, ...nodes]) t.equal(await node.read(), undefined)
  behind.reachable = false
  for (const node of others) t.equal(await node.read(), undefined, 'without it too')
  nodes.nowMs += 20 * HOUR_MS
  for (const node of others) {
    t.equal(await node.read(), undefined, 'and for as long as a replica may have missed it')
  }
})

t.test('a clock that is set right after a delete', async t => {
  const nodes = clockedNodes([-25 * HOUR_MS, 0, 0])
  const [behind, right, third] = nodes as unknown as [ClockedNode, ClockedNode, ClockedNode]
  await right.write('v')
  third.reachable = false
  await behind.remove()
  behind.skewMs = 0
  third.reachable = true
  right.reachable = false
  t.equal(await third.read(), undefined, 'the tombstone is as late as what it deletes')
})

t.test('a value that is long over by the clocks of its replicas', async t => {
  const nodes = clockedNodes([-26 * HOUR_MS, 0, 0])
  const [behind, right] = nodes as unknown as [ClockedNode, ClockedNode]
  await right.write('old')
  await behind.write('for an hour', HOUR_MS)
  t.equal(await right.read(), undefined, 'does not uncover the value before it')
})

t.test('whatever is done, by clocks that are up to ten days apart', async () => {
  const skews = fc.array(
    fc.oneof(
      fc.constant(0),
      fc.integer({ min: -120, max: 120 }).map(hours => hours * HOUR_MS)
    ),
    { minLength: 3, maxLength: 5 }
  )
  const steps = fc.array(
    fc.record({
      what: fc.constantFrom('write', 'remove', 'read', 'read'),
      at: fc.nat(4),
      unreachable: fc.option(fc.nat(4))
    }),
    { maxLength: 30 }
  )
  await fc.assert(
    fc.asyncProperty(skews, steps, async (skewsMs, steps) => {
      const nodes = clockedNodes(skewsMs)
      let value: string | undefined
      for (const [i, { what, at, unreachable }] of steps.entries()) {
        nodes.nowMs += 1_000
        for (const [index, node] of nodes.entries()) node.reachable = index !== unreachable
        const node = nodes[at % nodes.length] as ClockedNode
        if (what === 'read') assert.equal(await node.read(), value, `step ${i}`)
        else if (what === 'remove') await node.remove()
        else await node.write(`value ${i}`)
        if (what !== 'read') value = what === 'remove' ? undefined : `value ${i}`
      }
    }),
    { numRuns: 500 }
  )
})
