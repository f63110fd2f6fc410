// The textbook search for a linearization (Wing and Gong 1993, with Lowe's memoisation 2017), without any of
// the reasoning of the checker under test: exponential, for small histories only, and obviously right.

import { type Operation } from '../support/checker/linearizability.ts'

/**
 * True if some order of the operations explains the history of a register that is absent at first. At most 30
 * operations.
 */
export function searchRegister(operations: readonly Operation[]): boolean {
  const seen = new Set<string>()
  const end = (operation: Operation): number => operation.returnedAt ?? Infinity
  const visit = (done: number, value: string | undefined): boolean => {
    const left = operations.filter((_, index) => (done & (1 << index)) === 0)
    if (left.every(operation => operation.returnedAt === undefined)) return true
    const state = `${done} ${value ?? '-'}`
    if (seen.has(state)) return false
    seen.add(state)
    const firstEnd = Math.min(...left.map(end))
    return operations.some((operation, index) => {
      if ((done & (1 << index)) !== 0 || operation.invokedAt > firstEnd) return false
      const after = done | (1 << index)
      if (operation.kind === 'write') return visit(after, operation.value)
      if (operation.kind === 'delete') return visit(after, undefined)
      if (operation.returnedAt !== undefined && operation.value !== value) return false
      return visit(after, value)
    })
  }
  return visit(0, undefined)
}
