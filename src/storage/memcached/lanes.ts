// Lets the operations of one name go one after the other, and those of different names freely. Writers of one
// key that met in Memcached instead would each lose the `cas` to one other, again and again.

export interface Lanes {
  /**
   * The right to go on: at once (undefined), when the promise resolves, or never (`full`). Who has got it
   * calls `leave` exactly once.
   */
  enter(name: string): Promise<void> | 'full' | undefined
  leave(name: string): void
}

/** `limit`: how many may wait for one name. */
export function createLanes(limit: number): Lanes {
  // Absent: nobody is in. Null: one is in and nobody waits, as nearly always.
  const lanes = new Map<string, (() => void)[] | null>()
  return {
    enter(name) {
      const waiting = lanes.get(name)
      if (waiting === undefined) {
        lanes.set(name, null)
        return undefined
      }
      if (waiting === null) return new Promise(resolve => lanes.set(name, [resolve]))
      if (waiting.length >= limit) return 'full'
      return new Promise(resolve => waiting.push(resolve))
    },
    leave(name) {
      const next = lanes.get(name)?.shift()
      if (next === undefined) lanes.delete(name)
      else next()
    }
  }
}
