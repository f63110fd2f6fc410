// The world of a simulated cluster whose ring changes: machines with what outlives a crash of theirs, the weather between them, and
// what all parts of a run share. Everything that is left to chance comes from `chance`, and so from the seed.

import { type Coordinator, type CoordinatorPorts } from '../../src/core/coordinator.ts'
import { type receive } from '../../src/core/fetching.ts'
import { type Replicas } from '../../src/core/ports.ts'
import { type Record } from '../../src/core/record.ts'
import { ringToJson, type Ring } from '../../src/core/ring.ts'
import { type Votes } from '../../src/core/voter.ts'
import { type History } from './history.ts'
import { type Process } from './ring-simulation-process.ts'
import { type VirtualTime } from './virtual-time.ts'

/** What a test plants. */
export interface RingFaults {
  /** A ring is served before the operations under older ones have ended. */
  readonly noDrain?: boolean
  /** A source purges what it is to give up as soon as the change begins. */
  readonly purgesEarly?: boolean
  /** Copied pairs replace whatever is there. */
  readonly copiesOverwrite?: boolean
  /** Pairs are stored also when the ring for which they were copied is another one by now. */
  readonly copiesOutliveRings?: boolean
  /** Tombstones are not copied. */
  readonly tombstonesStay?: boolean
  /** An operation is served whatever ring it was planned by. */
  readonly unfenced?: boolean
  /** A crash forgets the votes, and the voter does not say so. */
  readonly votesForgotten?: boolean
  readonly readPort?: (port: Replicas) => Replicas
  readonly coordinator?: (ports: CoordinatorPorts) => Coordinator
  readonly receive?: typeof receive
}

/** How bad the network and the storages are; shares are from 0 to 1. */
export interface Weather {
  readonly delayMs: number
  readonly stragglers: number
  readonly stragglerMs: number
  readonly deadlineMs: number
  readonly lost: number
  /** Messages that arrive a second time, later. */
  readonly repeated: number
  /** How long a storage takes for an operation, at most; and the share of those that take much longer. */
  readonly storageMs: number
  readonly slow: number
}

export const CALM: Weather = { delayMs: 3, stragglers: 0, stragglerMs: 0, deadlineMs: 200, lost: 0, repeated: 0, storageMs: 1, slow: 0 }

/** What the storage of a node keeps, and its ring record: whether there is none, a mark or a ring. */
export interface Shelf {
  pairs: Map<string, Record>
  mark: 'none' | 'recovering' | 'ring'
  /** How often it came back empty. */
  losses: number
}

/** A machine: its process comes and goes, its shelf and its disk stay, unless they are lost. */
export interface Machine {
  readonly name: string
  shelf: Shelf
  readonly disk: { ring: Ring | undefined, votes: Votes | undefined }
  process: Process | undefined
  /** Machines of different groups do not reach each other. */
  group: number
  /** Until then, milliseconds, its process does nothing. */
  stillUntilMs: number
  /** Crashed, never to come back. */
  dead: boolean
  /** By how much its wall clock is wrong. */
  skewMs: number
}

export interface World {
  readonly time: VirtualTime
  readonly chance: () => number
  weather: Weather
  readonly machines: readonly Machine[]
  readonly faults: RingFaults
  readonly history: History
  /** Keys that the clients use, and keys that are written once, before anything happens. */
  readonly keys: readonly string[]
  readonly stillKeys: readonly string[]
  /** The rings that came into force anywhere, by generation and epoch. */
  readonly rings: Map<string, string>
  readonly violations: string[]
  readonly counts: { [what: string]: number }
  /** True when the run is at its end: no process starts any more. */
  over: boolean
}

export function pick<T> (chance: () => number, list: readonly T[]): T {
  return list[Math.floor(chance() * list.length)] as T
}

export function count (world: World, what: string): void {
  world.counts[what] = (world.counts[what] ?? 0) + 1
}

export function machineOf (world: World, name: string): Machine {
  const machine = world.machines.find(machine => machine.name === name)
  if (machine === undefined) throw new Error(`there is no ${name}`)
  return machine
}

/** Notes that a ring comes into force somewhere; two that differ under one number are a violation. */
export function noteRing (world: World, ring: Ring): void {
  const id = `${ring.generation}.${ring.epoch}`
  const json = JSON.stringify(ringToJson(ring))
  const known = world.rings.get(id)
  if (known === undefined) world.rings.set(id, json)
  else if (known !== json) world.violations.push(`two rings are number ${id}: ${known} and ${json}`)
}
