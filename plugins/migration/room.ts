// What becomes of a copied pair for which this node's storage has no room.

import { type FastifyInstance } from 'fastify'
import { type Failed, type Pair } from '../../src/core/ports.ts'
import { compareVersions, type Version } from '../../src/core/pairs/version.ts'

/** What it needs of the application. */
export type RoomPorts = Pick<FastifyInstance, 'ring' | 'storage' | 'coordinator'>

/**
 * Told of pairs that were not all stored, as the storage is full; resolves with what is wrong then,
 * undefined: nothing that matters.
 */
export type NoRoom = (pairs: readonly Pair[]) => Promise<Error | undefined>

/**
 * For a look at what this replica missed, when there is no room for it. If this replica has no record of the
 * key, it stays as it was: a read asks others too. If it has an older record, and the new one stays for ever,
 * that does no harm either. But a new record that lasts only for a time, a tombstone above all, must leave
 * nothing here that would be seen again after it. So the older record is dropped, once a quorum has the new
 * one for certain, as after a read.
 */
export function ignoreWhatIsNew(app: RoomPorts): NoRoom {
  const { storage, coordinator } = app

  async function settle({ slot, key, record }: Pair): Promise<Error | undefined> {
    const merged = await underRing(app, () => storage.merge(slot, key, record))
    if (merged?.kind !== 'failed') return merged === undefined ? changed() : undefined
    if (merged.reason !== 'full') return notStored(merged)
    const stored = await storage.get(slot, key)
    if (stored.kind === 'failed') return notStored(stored)
    if (stored.kind === 'miss' || record.expiresAtMs === 0) return undefined
    // The tombstone that ends a value is kept as long as the value, and would uncover nothing.
    return compareVersions(stored.record.version, record.version) === 0
      ? undefined
      : drop({ slot, key, record }, stored.record.version)
  }

  async function drop({ slot, key, record }: Pair, older: Version): Promise<Error | undefined> {
    const read = await coordinator.read(slot, key)
    if (read.record === undefined || compareVersions(read.record.version, record.version) < 0) {
      return new Error('a pair could not be stored: full')
    }
    const dropped = await underRing(app, async () => ({ failure: await storage.discard(slot, key, older) }))
    return dropped === undefined ? changed() : dropped.failure && notStored(dropped.failure)
  }

  return async pairs => {
    for (const pair of pairs) {
      const wrong = await settle(pair).catch((error: Error) => error)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }
}

/** For a recovery: what fits is taken, and `count` is told of how many pairs do not. */
export function takeWhatFits(app: RoomPorts, count: (pairs: number) => void): NoRoom {
  return async pairs => {
    for (const { slot, key, record } of pairs) {
      const merged = await underRing(app, () => app.storage.merge(slot, key, record))
      if (merged === undefined) return changed()
      if (merged.kind !== 'failed') continue
      if (merged.reason !== 'full') return notStored(merged)
      count(1)
    }
    return undefined
  }
}

/** Runs an operation in flight under the present ring; undefined: another one comes. */
async function underRing<T>({ ring }: RoomPorts, operation: () => Promise<T>): Promise<T | undefined> {
  return ring.view === undefined ? undefined : ring.within(ring.view.ring, operation)
}

const changed = () => new Error('the ring has changed meanwhile')

const notStored = ({ reason }: Failed) => new Error(`a pair could not be stored: ${reason}`)
