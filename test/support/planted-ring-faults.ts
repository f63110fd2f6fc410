// Faults to plant in a simulated cluster whose ring changes, by what they do. Each breaks the promise, and only in an unlucky order of events.

import { receivedAll } from '../../src/core/change.ts'
import { fetchHoldings, type receive } from '../../src/core/fetching.ts'
import { dueTo } from '../../src/core/placement.ts'
import { STORED } from '../../src/core/ports.ts'
import { isReceived } from '../../src/core/recovery.ts'
import { createOptimisticCoordinator } from './optimistic-coordinator.ts'
import { type RingFaults } from './ring-simulation-world.ts'

/** A receiver for which one source of each slot is enough. */
const receiveFromOne: typeof receive = async ({ node, pull, register, memory }, ring) => {
  const before = memory()
  const due = dueTo(ring, node).map(holding => ({ ...holding, replicas: 1, present: false }))
  if (before === 0 || !await fetchHoldings(ring, due, pull, { forgotten: false, isComplete: isReceived }) || memory() !== before) return false
  await register.change(present => receivedAll(present, ring, node))
  return true
}

export const PLANTED: { readonly [what: string]: RingFaults } = {
  'no drain on install': { noDrain: true },
  'purge before stable': { purgesEarly: true },
  'copying with overwrite instead of merge': { copiesOverwrite: true },
  'a read without write-back': { readPort: port => ({ get: port.get, merge: async () => STORED }) },
  'a stale write stamped again too early': { coordinator: createOptimisticCoordinator },
  'a receiver that copies from one source only': { receive: receiveFromOne },
  'a vote not persisted': { votesForgotten: true },
  'a stale epoch accepted': { unfenced: true },
  'tombstones not copied': { tombstonesStay: true },
  'a copy that goes on under another ring': { copiesOutliveRings: true }
}
