// Many operations of one request, some of them at a time.

import { BULK_IN_FLIGHT } from '../../src/limits.ts'

/**
 * Hands each item to `action`, at most `BULK_IN_FLIGHT` at a time, in their order. Rejects with the first
 * rejection, after which none is begun.
 */
export async function forEachOf<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  let next = 0

  async function takeTurns(): Promise<void> {
    try {
      while (next < items.length) await action(items[next++] as T)
    } catch (error) {
      next = items.length
      throw error
    }
  }

  await Promise.all(Array.from({ length: Math.min(BULK_IN_FLIGHT, items.length) }, takeTurns))
}
