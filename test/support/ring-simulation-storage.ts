// The storage of a simulated machine as one process of it sees it. An operation takes effect at one instant between its call and its
// answer, also when the process ends in between.

import { MISS, type GetResult, type MergeResult } from '../../src/core/ports.ts'
import { compareRecords, type Record } from '../../src/core/record.ts'
import { slotOf } from '../../src/core/slot.ts'
import { type Life } from './ring-simulation-wire.ts'
import { type Machine, type World } from './ring-simulation-world.ts'

export interface SimulatedStorage {
  /** As `Storage.memory`. */
  readonly memory: number
  get (key: string): Promise<GetResult>
  merge (key: string, record: Record): Promise<MergeResult>
  overwrite (key: string, record: Record): Promise<MergeResult>
  /** The keys of the chosen slots; to be read one by one. */
  keys (slots: (slot: number) => boolean): string[]
  remove (keys: readonly string[]): Promise<void>
}

/** A slow operation takes up to so long to take effect; a process that crashed is away for longer. */
export const LONGEST_STORAGE_MS = 100

/** Stores the record if it is newer than what is there or the same. */
function mergeIfNewer (pairs: Map<string, Record>, key: string, record: Record): MergeResult {
  const present = pairs.get(key)
  if (present !== undefined && compareRecords(present, record) > 0) return { kind: 'stale', version: present.version }
  pairs.set(key, record)
  return { kind: 'stored' }
}

export function createStorage (world: World, machine: Machine, life: Life): SimulatedStorage {
  async function operate<T> (apply: () => T): Promise<T> {
    const { chance, time, weather: { storageMs, slow } } = world
    await time.sleep(chance() * (chance() < slow ? LONGEST_STORAGE_MS : storageMs))
    const result = apply()
    await life.sleep(chance() * storageMs)
    return result
  }

  const pairs = () => machine.shelf.pairs
  return {
    get memory () { return machine.shelf.mark === 'ring' ? machine.shelf.losses + 1 : 0 },
    get: key => operate(() => {
      const record = pairs().get(key)
      return record === undefined ? MISS : { kind: 'found', record }
    }),
    merge: (key, record) => operate(() => mergeIfNewer(pairs(), key, record)),
    overwrite: (key, record) => operate(() => {
      pairs().set(key, record)
      return { kind: 'stored' }
    }),
    keys: slots => [...pairs().keys()].filter(key => slots(slotOf(key))),
    remove: keys => operate(() => { for (const key of keys) pairs().delete(key) })
  }
}
