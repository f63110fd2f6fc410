// What a simulated node copies and purges: it receives what it is due in a change, gives to others what they ask for, fetches what it
// has forgotten, and purges what a stable ring leaves to others. It is the part of `plugins/migration` and `plugins/ring/duties.ts`.

import { KvError } from '../../src/errors.ts'
import { fetchHoldings, receive, type Pull, type Ranges } from '../../src/core/fetching.ts'
import { createPlacement, holdings } from '../../src/core/placement.ts'
import { type Record } from '../../src/core/record.ts'
import { isComplete } from '../../src/core/recovery.ts'
import { type Register } from '../../src/core/register.ts'
import { compareRings, sameShape, type Ring } from '../../src/core/ring.ts'
import { type InstalledRing } from '../../plugins/ring/installed.ts'
import { type SimulatedStorage } from './ring-simulation-storage.ts'
import { post, type Life } from './ring-simulation-wire.ts'
import { count, machineOf, type Machine, type World } from './ring-simulation-world.ts'

/** Some pairs, or the end of a stream; undefined: it is cut. */
type Piece =
  | { readonly kind: 'pairs', readonly pairs: ReadonlyArray<readonly [key: string, record: Record]> }
  | { readonly kind: 'end', readonly remembers: boolean }
  | { readonly kind: 'cut' }

/** A stream at its source; asked again and again. */
export type Source = () => Promise<Piece>

export interface Copying {
  /** A ring is in force: sees to what it makes this node do. */
  inForce (ring: Ring): void
  /** A stream of the pairs of the ranges to one whose ring is `asked`; undefined: not under that ring. */
  open (asked: Ring, ranges: Ranges): Promise<Source | undefined>
  /** Fetches all that the node holds by the ring, after dropping what is left. */
  fetchForgotten (ring: Ring): Promise<boolean>
  /** True when nothing is being copied or purged, or has to be. */
  readonly idle: boolean
  /** True when nothing is left here of slots that the node does not hold by its ring. */
  readonly tidy: boolean
}

interface Ports {
  readonly life: Life
  readonly installed: InstalledRing
  readonly storage: SimulatedStorage
  readonly register: Register
  install (ring: Ring): Promise<void>
}

const PAIRS_IN_A_PIECE = 2

export function createCopying (world: World, machine: Machine, ports: Ports): Copying {
  const { installed, storage } = ports
  const { name } = machine
  const pull = createPull(world, machine, ports)
  const receiving = createReceiving(world, machine, ports, pull)
  const purging = createPurging(world, machine, ports)

  return {
    inForce (ring) {
      if (ring.pending?.includes(name)) receiving.begin()
      if (ring.next === undefined || world.faults.purgesEarly) purging.begin()
    },
    open: (asked, ranges) => open(world, ports, asked, ranges),
    async fetchForgotten (ring) {
      const held = holdings(ring, name)
      if (held.some(({ others }) => others.length > 0)) await storage.remove(storage.keys(() => true))
      return fetchHoldings(ring, held, pull, { forgotten: true, isComplete: (holding, fetched) => isComplete(holding, fetched, true) })
    },
    get idle () { return !receiving.underWay && !purging.underWay && !installed.view?.ring.pending?.includes(name) },
    get tidy () {
      const purgedBy = purging.purgedBy
      return purgedBy !== undefined && installed.view !== undefined && sameShape(installed.view.ring, purgedBy)
    }
  }
}

/** Receives again and again, after growing pauses, as long as the ring in force waits for this node. */
function createReceiving ({ chance, faults }: World, { name }: Machine, { life, installed, storage, register }: Ports, pull: Pull) {
  let underWay = false

  async function run (): Promise<void> {
    for (let pauseMs = 10; ; pauseMs = Math.min(2 * pauseMs, 300)) {
      const ring = installed.view?.ring
      if (ring === undefined || !ring.pending?.includes(name)) return
      const isInForce = await installed.within(ring, async () => true)
      if (isInForce) await (faults.receive ?? receive)({ node: name, pull, register, memory: () => storage.memory }, ring).catch(unlessOperating)
      await life.sleep(chance() * pauseMs)
    }
  }

  return {
    get underWay () { return underWay },
    begin (): void {
      if (underWay) return
      underWay = true
      run().finally(() => { underWay = false })
    }
  }
}

function unlessOperating (error: unknown): void {
  if (!(error instanceof KvError)) throw error
}

/** Purges in batches that count as operations in flight, until all is gone or the ring is another one. */
function createPurging (world: World, { name }: Machine, { life, installed, storage }: Ports) {
  let underWay = false
  let purgedBy: Ring | undefined

  async function run (): Promise<void> {
    for (;;) {
      const ring = installed.view?.ring
      if (ring === undefined || (ring.next !== undefined && !world.faults.purgesEarly)) return
      const { replicates } = createPlacement(ring.next === undefined ? ring : { ...ring, tokens: ring.next, next: undefined } as unknown as Ring)
      const doomed = storage.keys(slot => !replicates(name, slot)).slice(0, PAIRS_IN_A_PIECE)
      if (doomed.length === 0) {
        purgedBy = ring
        return
      }
      await installed.within(ring, async () => {
        count(world, 'pairs purged')
        await storage.remove(doomed)
      })
      await life.sleep(world.chance() * world.weather.storageMs)
    }
  }

  return {
    get underWay () { return underWay },
    get purgedBy () { return purgedBy },
    begin (): void {
      if (underWay) return
      underWay = true
      run().finally(() => { underWay = false })
    }
  }
}

/** The receiving end: piece by piece, each merged before the next is asked for. */
function createPull (world: World, machine: Machine, ports: Ports): Pull {
  return async (source, ring, ranges) => {
    const from = machineOf(world, source)
    const opened = await post(world, machine, from, async server => ({ kind: 'opened' as const, source: await server.copying.open(ring, ranges).catch(() => undefined), server }), true)
    if (opened.kind === 'failed' || opened.source === undefined) return undefined
    const { source: next, server: before } = opened
    for (;;) {
      const piece = await post(world, machine, from, async (server): Promise<Piece> => server === before ? next() : { kind: 'cut' }, true)
      if (piece.kind === 'failed' || piece.kind === 'cut') return undefined
      if (piece.kind === 'end') return { remembers: piece.remembers }
      for (const [key, record] of piece.pairs) if (!await keep(world, ports, ring, key, record)) return undefined
    }
  }
}

/**
 * Stores a pair that was asked for by `ring`. It counts as an operation in flight, so that none is stored any more when the ring is another
 * one and what this node does not hold is purged: nobody would find it later, and it would come back with the node. False: not stored.
 */
async function keep (world: World, { installed, storage }: Ports, ring: Ring, key: string, record: Record): Promise<boolean> {
  count(world, 'pairs copied')
  const store = () => world.faults.copiesOverwrite ? storage.overwrite(key, record) : storage.merge(key, record)
  if (world.faults.copiesOutliveRings) return (await store()).kind !== 'failed'
  for (;;) {
    const { view } = installed
    if (view === undefined || !sameShape(view.ring, ring)) return false
    if (await installed.within(view.ring, store) !== undefined) return true
  }
}

/** The giving end. What this node took under older rings has ended once its ring is in force. */
async function open ({ faults }: World, { installed, storage, install }: Ports, asked: Ring, ranges: Ranges): Promise<Source | undefined> {
  await install(asked)
  const { view } = installed
  if (view === undefined || compareRings(view.ring, asked) < 0 || !sameShape(view.ring, asked)) return undefined
  if (await installed.within(view.ring, async () => true) !== true) return undefined
  const { memory } = storage
  const left = storage.keys(slot => ranges.some(([min, max]) => slot >= min && slot <= max))
  // Under another ring this node may be purging what it was asked for.
  const isCut = () => installed.view === undefined || !sameShape(installed.view.ring, asked)
  return async () => {
    const pairs: Array<readonly [string, Record]> = []
    for (const key of left.splice(0, PAIRS_IN_A_PIECE)) {
      const answer = await storage.get(key)
      if (answer.kind === 'found' && !(faults.tombstonesStay && answer.record.deleted)) pairs.push([key, answer.record])
    }
    if (isCut()) return { kind: 'cut' }
    return pairs.length > 0 || left.length > 0 ? { kind: 'pairs', pairs } : { kind: 'end', remembers: memory !== 0 && storage.memory === memory }
  }
}
