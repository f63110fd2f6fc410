// Fetching a node's slots from the other replicas: which source is asked for which ranges, and when enough of
// them have given everything. It serves a node that has forgotten, one that looks for what it missed, and one
// that is to receive slots in a change.

import { receivedAll } from '../ring/change.ts'
import { dueTo, type Holding } from '../ring/placement.ts'
import { isReceived, sourcesNeeded, type Fetched } from './recovery.ts'
import { type Proposer } from '../consensus/proposer.ts'
import { type Ring } from '../ring/ring.ts'

export type Ranges = ReadonlyArray<readonly [min: number, max: number]>

/**
 * Fetches the pairs of the ranges from one source and merges them here; undefined: not all came. Never
 * rejects.
 */
export type Pull = (source: string, ring: Ring, ranges: Ranges) => Promise<Fetched>

/** What makes a holding complete, and how many sources that may take. */
export interface Completeness {
  readonly forgotten: boolean
  isComplete(holding: Holding, fetched: ReadonlyMap<string, Fetched>): boolean
}

/**
 * Pulls each holding from as many of its sources as it needs, and from further ones where some fail; no
 * source is asked for the same slots twice. False: not every holding is complete.
 */
export async function fetchHoldings(
  ring: Ring,
  held: readonly Holding[],
  pull: Pull,
  { forgotten, isComplete }: Completeness
): Promise<boolean> {
  const fetched = held.map(() => new Map<string, Fetched>())
  for (;;) {
    const bySource = new Map<string, number[]>()
    held.forEach((holding, i) => {
      const known = fetched[i] as Map<string, Fetched>
      if (isComplete(holding, known)) return
      const good = [...known.values()].filter(end => end?.remembers).length
      const missing = Math.max(1, sourcesNeeded(holding, forgotten) - good)
      for (const source of holding.others.filter(other => !known.has(other)).slice(0, missing)) {
        bySource.set(source, [...(bySource.get(source) ?? []), i])
      }
    })
    if (bySource.size === 0) {
      return held.every((holding, i) => isComplete(holding, fetched[i] as Map<string, Fetched>))
    }
    await Promise.all(
      [...bySource].map(async ([source, indices]) => {
        const end = await pull(
          source,
          ring,
          indices.map(i => [(held[i] as Holding).min, (held[i] as Holding).max] as const)
        )
        for (const i of indices) fetched[i]?.set(source, end)
      })
    )
  }
}

export interface ReceiverPorts {
  readonly node: string
  readonly pull: Pull
  readonly proposer: Proposer
  /** `Storage.incarnation`: what was received counts only as long as nothing was forgotten. */
  incarnation(): number
}

/**
 * The part of a receiver in the change of `ring`: it pulls the slots that it is due and takes itself off
 * those that are waited for. False: not everything came, or was forgotten again; to be begun anew. Throws
 * what the proposer throws.
 */
export async function receiveSlots(
  { node, pull, proposer, incarnation }: ReceiverPorts,
  ring: Ring
): Promise<boolean> {
  const before = incarnation()
  if (
    before === 0 ||
    !(await fetchHoldings(ring, dueTo(ring, node), pull, { forgotten: false, isComplete: isReceived }))
  ) {
    return false
  }
  if (incarnation() !== before) return false
  await proposer.change(present => receivedAll(present, ring, node))
  return true
}
