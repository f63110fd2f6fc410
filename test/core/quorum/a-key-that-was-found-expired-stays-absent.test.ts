// Whether a value is over is decided by the first read that finds it so: from then on it is absent at every
// node, also at those whose clocks are behind, and never before the clock that is furthest ahead says so.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { clockedNodes, type ClockedNode } from './clocked-replicas.ts'

type Three = [ClockedNode, ClockedNode, ClockedNode]

t.test('five seconds apart', async t => {
  const nodes = clockedNodes([0, 5_000, 0])
  const [behind, ahead, third] = nodes as unknown as Three
  await behind.write('v', 10_000)
  nodes.nowMs += 7_000
  t.equal(await behind.read(), 'v', 'not over yet')
  t.equal(await ahead.read(), undefined, 'by this clock it is')
  t.equal(await behind.read(), undefined, 'and so it is by all')
  t.equal(await third.read(), undefined)
  ahead.reachable = false
  t.equal(await behind.read(), undefined, 'without the node that has decided it')
})

t.test('the end of one value is not the end of the next', async t => {
  const nodes = clockedNodes([0, 5_000, 0])
  const [behind, ahead, third] = nodes as unknown as Three
  await behind.write('v', 3_000)
  third.reachable = false
  t.equal(await ahead.read(), undefined)
  await behind.write('w')
  third.reachable = true
  for (const node of nodes) t.equal(await node.read(), 'w')
})

t.test('a single replica, asked by nodes whose clocks differ', async t => {
  const nodes = clockedNodes([0])
  const [only] = nodes as unknown as [ClockedNode]
  await only.write('v', 1_000)
  only.skewMs = 2_000
  t.equal(await only.read(), undefined)
  only.skewMs = 0
  t.equal(await only.read(), undefined, 'its clock was set back')
  await only.write('w', 1_000)
  t.equal(await only.read(), 'w')
})

const steps = fc.array(
  fc.record({
    what: fc.constantFrom('write', 'write for a while', 'remove', 'read', 'read', 'read'),
    at: fc.nat(4),
    unreachable: fc.option(fc.nat(4)),
    passesMs: fc.constantFrom(0, 1, 1_000, 4_000)
  }),
  { minLength: 5, maxLength: 40 }
)

t.test('whatever is done, and by clocks that are up to a minute apart', async () => {
  let ended = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: -30_000, max: 30_000 }), { minLength: 3, maxLength: 5 }),
      steps,
      async (skewsMs, steps) => {
        const nodes = clockedNodes(skewsMs)
        const [slowest, fastest] = [Math.min(...skewsMs), Math.max(...skewsMs)]
        let value: string | undefined
        let expiresAtMs = Infinity
        for (const [i, { what, at, unreachable, passesMs }] of steps.entries()) {
          nodes.nowMs += passesMs
          for (const [index, node] of nodes.entries()) node.reachable = index !== unreachable
          const node = nodes[at % nodes.length] as ClockedNode
          if (what === 'read') {
            const found = await node.read()
            if (found === undefined && value !== undefined) {
              assert.ok(nodes.nowMs + fastest >= expiresAtMs, `step ${i}: ${value} is not over by any clock`)
              ended++
              value = undefined
            }
            assert.equal(found, value, `step ${i}`)
            if (found !== undefined) {
              assert.ok(nodes.nowMs + slowest < expiresAtMs, `step ${i}: ${value} is over by every clock`)
            }
          } else if (what === 'remove') {
            await node.remove()
            value = undefined
          } else {
            const ttlMs = what === 'write' ? undefined : 5_000
            value = `value ${i}`
            expiresAtMs = ttlMs === undefined ? Infinity : node.clock.wallMs() + ttlMs
            await node.write(value, ttlMs)
          }
        }
      }
    ),
    { numRuns: 600 }
  )
  assert.ok(ended > 100, `${ended} values were found expired`)
})
