// The checker's shortcuts against the textbook search, on small random histories of every kind.

import fc from 'fast-check'
import t from 'tap'
import { checkRegister, type Operation } from '../support/checker/linearizability.ts'
import { searchRegister } from './wing-gong.ts'

const span = { invokedAt: fc.nat(24), length: fc.nat(8), unknown: fc.integer({ min: 0, max: 5 }) }
const shape = fc.record({
  kind: fc.constantFrom('write', 'delete', 'read', 'read' as const),
  pick: fc.nat(9),
  ...span
})

const histories = fc.array(shape, { maxLength: 10 }).map(shapes => {
  const writes = shapes.filter(({ kind }) => kind === 'write').length
  let written = 0
  return shapes.map(({ kind, pick, invokedAt, length, unknown }): Operation => {
    const found = pick % (writes + 1)
    const value = kind === 'write' ? `v${++written}` : kind === 'read' && found > 0 ? `v${found}` : undefined
    return {
      kind: kind as Operation['kind'],
      value,
      invokedAt,
      returnedAt: unknown === 0 ? undefined : invokedAt + length
    }
  })
})

t.test('the same verdict, and a window that is a contradiction by itself', async t => {
  let rejected = 0
  fc.assert(
    fc.property(histories, history => {
      const verdict = checkRegister(history)
      if (verdict.linearizable) return searchRegister(history)
      rejected++
      return !searchRegister(history) && !searchRegister(verdict.window)
    }),
    { numRuns: 20_000 }
  )
  t.ok(rejected > 1000, 'enough of them were not linearizable')
})
