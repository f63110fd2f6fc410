// The names whose items were large when this process last saw them. What is asked about them goes over a
// connection of its own, so that the answers to others do not stand behind a megabyte.

import { LARGE_ITEM_BYTES, LARGE_NAMES } from './limits.ts'

export interface LargeNames {
  has(name: string): boolean
  /** The item of this name was met or put, and had so many bytes. */
  note(name: string, bytes: number): void
}

export function createLargeNames(): LargeNames {
  const names = new Set<string>()
  return {
    has: name => names.size > 0 && names.has(name),
    note(name, bytes) {
      if (bytes <= LARGE_ITEM_BYTES) {
        if (names.size > 0) names.delete(name)
        return
      }
      // The one that was noted first gives way.
      if (!names.has(name) && names.size >= LARGE_NAMES) names.delete(names.values().next().value as string)
      names.add(name)
    }
  }
}
