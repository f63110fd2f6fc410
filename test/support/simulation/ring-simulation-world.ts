// The world of a simulated cluster whose ring changes: machines with what outlives a crash of theirs, the
// weather between them, and what all parts of a run share. Everything that is left to chance comes from
// `chance`, and so from the seed.

import { type Coordinator, type CoordinatorPorts } from '../../../src/core/quorum/coordinator.ts'
import { type SimulatedStorage } from './ring-simulation-storage.ts'
import { type Replicas, type RingRecord, type Storage } from '../../../src/core/ports.ts'
import { type CopyingPorts } from '../../../plugins/migration/index.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { ringToJson } from '../../../src/core/ring/ring-json.ts'
import { type Seed } from '../../../src/core/ring/seed.ts'
import { type Votes } from '../../../src/core/consensus/voter.ts'
import { type History } from '../checker/history.ts'
import { type Node } from './ring-simulation-node.ts'
import { type Trace } from './ring-simulation-trace.ts'
import { type VirtualTime } from './virtual-time.ts'

/** What a test plants. */
export interface RingFaults {
  /** A ring is served before the operations under older ones have ended. */
  readonly noDrain?: boolean
  /** A source purges what it is to give up as soon as the change begins. */
  readonly purgesEarly?: boolean
  /** A seeded node takes itself for new, whatever the others say. */
  readonly seedsCount?: boolean
  /** Nobody looks at the clock while a look at the other replicas is under way. */
  readonly looksOutlastTrust?: boolean
  /** An operation is served whatever ring it was planned by. */
  readonly unfenced?: boolean
  /** A crash forgets the votes, and the voter does not say so. */
  readonly votesForgotten?: boolean
  readonly readPort?: (port: Replicas) => Replicas
  readonly coordinator?: (ports: CoordinatorPorts) => Coordinator
  /** Other methods of a process's storage. */
  readonly storage?: (storage: SimulatedStorage, wallMs: () => number) => Partial<Storage>
  readonly record?: (record: RingRecord) => RingRecord
  /** The ring that is proposed in place of `wanted`. */
  readonly decided?: (present: Ring, wanted: Ring) => Ring
  /** What a plugin gets of the application. */
  readonly copying?: (app: CopyingPorts) => CopyingPorts
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
  /** The share of the commands to a storage that hangs: they take effect after their deadline. */
  readonly hung: number
  /** The share of the answers to the keeper's commands that are lost. */
  recordLost: number
  /** How long a stream rests between two pieces, at most. */
  crawlMs: number
}

export const CALM: Weather = {
  delayMs: 30,
  stragglers: 0,
  stragglerMs: 0,
  deadlineMs: 1_500,
  lost: 0,
  repeated: 0,
  storageMs: 10,
  slow: 0,
  hung: 0,
  recordLost: 0,
  crawlMs: 0
}

export interface Item {
  readonly bytes: Buffer
  readonly cas: number
  readonly expiryS: number
}

/** The Memcached of a node: pairs and ring record, by their names. */
export interface Shelf {
  readonly items: Map<string, Item>
  /** Tells one run of it from the next, which begins empty. */
  run: number
  lastCas: number
  /** How many items it takes. */
  limit: number
  /** What was put here by commands that took effect after their deadline. */
  readonly late: Set<string>
}

/** A receiver reads its streams late: what it waits for, to put a copy across what happens meanwhile. */
export interface Stall {
  /** Only of the streams from that machine; undefined: of all. */
  readonly from: string | undefined
  /** How many streams were held up. */
  streams: number
  /** Before the source is asked for the first piece. */
  readonly asked: Promise<void>
  /** Before that piece arrives. */
  readonly arrived: Promise<void>
}

/** A machine: its processes come and go, its shelf and its disk stay, unless they are lost. */
export interface Machine {
  readonly name: string
  shelf: Shelf
  readonly disk: { ring: Ring | undefined; votes: Votes | undefined }
  node: Node | undefined
  /** How many worker processes it has. */
  readonly workers: number
  /** Its primary watches over them. To leave that out saves time where nothing gets stuck. */
  readonly watched: boolean
  /** Machines of different groups do not reach each other. */
  group: number
  /** Until then, milliseconds, its process does nothing. */
  stillUntilMs: number
  /** How long the streams that it reads rest between two pieces, at most. */
  crawlMs: number
  /** Holds up the streams that it reads. */
  stall: Stall | undefined
  /** Until then, whatever is written to its storage takes long. */
  slowUntilMs: number
  /** Crashed, never to come back. */
  dead: boolean
  /** By how much its wall clock is wrong. */
  skewMs: number
}

/**
 * A voter has promised, or accepted a ring; a ring has just been decided; the sentinel was added, and nobody
 * has heard of it.
 */
export type Moment = 'promised' | 'accepted' | 'new ring' | 'sentinel added'

export interface World {
  /** Takes the transcript of the run, if anybody wants it. */
  readonly trace: Trace | undefined
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
  /** The share of writes whose value has an end, and when each of these values has it, by key and value. */
  readonly expiry: { share: number; readonly ofValue: Map<string, number> }
  readonly violations: string[]
  readonly counts: { [what: string]: number }
  /** Messages and commands that are under way. */
  busy: number
  /** By how much the hours that were passed over are more than the time that went by. */
  lapsedMs: number
  /** What the operator seeds nodes with. */
  seed: Seed
  /** Told of moments at which a fault does most harm. */
  moment: (moment: Moment, machine: Machine) => void
  /** True when the run is at its end: no process starts any more. */
  over: boolean
}

export const START_MS = Date.UTC(2026, 0, 1)
export const HOUR_MS = 3_600_000

/** The wall clock of a machine. */
export function wallMs({ time, lapsedMs }: World, { skewMs }: Machine): number {
  return Math.floor(START_MS + time.nowMs + lapsedMs + skewMs)
}

export function pick<T>(chance: () => number, list: readonly T[]): T {
  return list[Math.floor(chance() * list.length)] as T
}

/** What waits for `opened` goes on after `open`. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}

export function count(world: World, what: string): void {
  world.counts[what] = (world.counts[what] ?? 0) + 1
}

export function machineOf(world: World, name: string): Machine {
  const machine = world.machines.find(machine => machine.name === name)
  if (machine === undefined) throw new Error(`there is no ${name}`)
  return machine
}

/** Notes that a ring comes into force somewhere; two that differ under one number are a violation. */
export function noteRing(world: World, machine: Machine, ring: Ring): void {
  const id = `${ring.generation}.${ring.epoch}`
  const json = JSON.stringify(ringToJson(ring))
  const known = world.rings.get(id)
  if (known === undefined) {
    world.rings.set(id, json)
    world.moment('new ring', machine)
  } else if (known !== json) world.violations.push(`two rings are number ${id}: ${known} and ${json}`)
}
