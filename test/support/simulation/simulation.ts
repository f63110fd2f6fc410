// A cluster in one process under a virtual clock: the production coordinator, placement, versions and records
// over a simulated network, before production storages in memory, with clients that read, write (some of it
// for a short time) and delete a few keys. Everything that is left to chance comes from one seed, so a run
// can be had again; what the clients saw goes into a history for the checker.

import { KvError } from '../../../src/errors.ts'
import {
  createCoordinator,
  type Coordinator,
  type CoordinatorPorts
} from '../../../src/core/quorum/coordinator.ts'
import { createPlacement, type Placement, type Plan } from '../../../src/core/ring/placement.ts'
import { type Replicas, type Storage } from '../../../src/core/ports.ts'
import { createMemoryStorage } from '../../../src/storage/memory.ts'
import { tombstone, type PairRecord } from '../../../src/core/pairs/record.ts'
import { type Token } from '../../../src/core/ring/ring.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { createClock, type Clock, type Version } from '../../../src/core/pairs/version.ts'
import { createChance, createHistory, type Call, type History, type Outcome } from '../checker/history.ts'
import { CALM, createNetwork, type Network, type SimulatedNode } from './simulated-network.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'
import { drawWeather, brew } from './simulation-weather.ts'

/** What a replica does with its pairs. */
export type Shelf = Pick<Storage, 'get' | 'merge'>

/** What a test plants: a fault around the ports, in the replicas, or another coordinator altogether. */
export interface Planted {
  readonly readPort?: (port: Replicas) => Replicas
  readonly writePort?: (port: Replicas) => Replicas
  readonly plan?: (plan: Plan) => Plan
  readonly shelf?: (shelf: Shelf, wallMs: () => number) => Shelf
  readonly coordinator?: (ports: CoordinatorPorts) => Coordinator
}

export interface Run {
  readonly history: History
  /** What happened, in numbers; a run in which nothing did proves nothing. */
  readonly counts: Network['counts'] & {
    writeBacks: number
    overlapping: number
    twoSets: boolean
    replicas: number
    expiring: number
    hoursApart: boolean
  }
  /** What each replica holds in the end. */
  readonly pairs: ReadonlyArray<ReadonlyMap<string, PairRecord>>
}

interface Worker {
  readonly clock: Clock
  readonly reads: Coordinator
  readonly writes: Coordinator
}

/** Values that are written to last for a while. */
interface Expiry {
  /** The share of writes that are. */
  readonly share: number
  /** No clock is ever wrong by more. */
  readonly skewMs: number
  /** When each is over, by the clock that stamped it. */
  readonly ofValue: Map<string, number>
}

export interface World {
  readonly time: VirtualTime
  readonly chance: () => number
  readonly nodes: readonly SimulatedNode[]
  /** By how much each node's wall clock is wrong. */
  readonly skewsMs: number[]
  readonly network: Network
  readonly placement: Placement
  readonly workers: readonly Worker[]
  /** Those through which clients write. */
  readonly writers: readonly Worker[]
  readonly keys: readonly string[]
  readonly history: History
  readonly counts: Run['counts']
  readonly expiry: Expiry
  inFlight: number
}

const START_MS = Date.UTC(2026, 0, 1)

/**
 * How far wrong a clock may be set in the middle of a run; one that jumped by a day would make its replica
 * forget.
 */
export const JUMP_MS = 1_500

const HOUR_MS = 3_600_000

/** When a client gives up. What it asked for goes on. */
const PATIENCE_MS = 450

/** One run. Throws when a client gets an answer that no client may get, or none at all. */
export async function simulate(seed: number, planted: Planted = {}): Promise<Run> {
  const world = createWorld(seed, planted)
  const { chance, history, network, workers, keys } = world
  network.weather = drawWeather(chance)
  brew(world)
  const each = 10 + Math.floor(chance() * 20)
  await finish(
    world,
    Array.from({ length: 2 + Math.floor(chance() * 4) }, (_, client) => useStore(world, client, each))
  )
  // When the storm is over, every worker answers again, and what was acknowledged is still there. Storages
  // may stay full.
  for (const node of world.nodes) Object.assign(node, { group: 0, crashed: false, recovering: false })
  network.weather = CALM
  await finish(
    world,
    workers.map(async (worker, index) => {
      for (const key of keys) {
        const outcome = await attempt(world, 1000 + index, { kind: 'read', key }, worker)
        if (outcome.kind !== 'ok' && mustAnswer(world, key)) {
          throw new Error('a read failed although nothing was wrong any more')
        }
      }
    })
  )
  return {
    history,
    counts: world.counts,
    pairs: await Promise.all(world.nodes.map(node => pairsOf(node, keys)))
  }
}

/**
 * Where storages are full, a value that has just expired cannot be ended; and new replicas of a slot that
 * moves may be given nothing.
 */
function mustAnswer({ nodes, placement, expiry }: World, key: string): boolean {
  return (
    nodes.every(({ full }) => !full) || (expiry.share === 0 && placement.plan(slotOf(key)).sets.length === 1)
  )
}

async function pairsOf(
  { storage }: SimulatedNode,
  keys: readonly string[]
): Promise<Map<string, PairRecord>> {
  const pairs = new Map<string, PairRecord>()
  for (const key of keys) {
    const found = await storage.get(slotOf(key), key)
    if (found.kind === 'found') pairs.set(key, found.record)
  }
  return pairs
}

/** Lets time pass until nothing happens any more; by then every client must be done. */
async function finish(world: World, clients: Array<Promise<void>>): Promise<void> {
  let waiting = clients.length
  const failures: unknown[] = []
  for (const client of clients) {
    client.catch((error: unknown) => failures.push(error)).finally(() => waiting--)
  }
  await world.time.run()
  if (failures.length > 0) throw failures[0]
  if (waiting > 0) throw new Error(`${waiting} clients wait for ever`)
}

function createWorld(seed: number, planted: Planted): World {
  const chance = createChance(seed)
  const time = createVirtualTime()
  const replicas = pick(chance, [1, 2, 3, 3, 3, 4, 5])
  const names = Array.from({ length: replicas + Math.floor(chance() * 3) }, (_, i) => `node-${i}:5000`)
  const placement = drawPlacement(chance, names, replicas)
  const spreadMs = pick(chance, [0, 20, 3_000, 3_000, 100 * HOUR_MS])
  // Clocks that are hours apart are either right or days behind: what the latter stamp is long over by the
  // former.
  const skewsMs = names.map(() => (spreadMs > HOUR_MS ? Math.round(chance()) - 1 : chance() - 0.5) * spreadMs)
  const wallMs = (node: number) => Math.floor(START_MS + time.nowMs + (skewsMs[node] as number))
  const { shelf = same } = planted
  const nodes = names.map((name, i): SimulatedNode => {
    const storage = shelf(createMemoryStorage({ wallMs: () => wallMs(i) }).storage, () => wallMs(i))
    return { name, storage, group: 0, crashed: false, recovering: false, full: false, stillUntilMs: 0 }
  })
  const network = createNetwork(time, chance, new Map(nodes.map(node => [node.name, node])))
  const keys = drawKeys(chance, placement)
  const counts = Object.assign(network.counts, {
    writeBacks: 0,
    overlapping: 0,
    twoSets: keys.some(key => placement.plan(slotOf(key)).sets.length > 1),
    replicas,
    expiring: 0,
    hoursApart: spreadMs > HOUR_MS
  })
  // By clocks that are hours apart nothing can be said of when a value is over.
  const expiry = {
    share: spreadMs > HOUR_MS ? 0 : pick(chance, [0, 0, 0.5]),
    skewMs: Math.max(spreadMs / 2, JUMP_MS),
    ofValue: new Map()
  }
  const workers = names.flatMap((name, node) =>
    [1, 2].map((number): Worker => {
      const clock = createClock(() => wallMs(node), node * 2 + number)
      return createWorker(placement, network.from(name), clock, planted, counts)
    })
  )
  // A single write through a clock that is right leads the others with it.
  const behind = workers.filter((_, i) => counts.hoursApart && (skewsMs[i >> 1] as number) < 0)
  const writers = behind.length > 0 && chance() < 0.5 ? behind : workers
  return {
    time,
    chance,
    nodes,
    skewsMs,
    network,
    placement,
    workers,
    writers,
    keys,
    history: createHistory(() => time.nowMs),
    counts,
    expiry,
    inFlight: 0
  }
}

/**
 * A coordinator keeps nothing between requests, so one for the reads and one for the writes of a worker are
 * as good as one.
 */
function createWorker(
  plans: Placement,
  port: Replicas,
  clock: Clock,
  planted: Planted,
  counts: Run['counts']
): Worker {
  const { readPort = same, writePort = same, plan = same, coordinator = createCoordinator } = planted
  const counted: Replicas = {
    get: port.get,
    merge(...message) {
      counts.writeBacks++
      return port.merge(...message)
    }
  }
  return {
    clock,
    reads: coordinator({
      plans: { plan: slot => plan(plans.plan(slot)) },
      replicas: readPort(counted),
      clock
    }),
    writes: coordinator({ plans, replicas: writePort(port), clock })
  }
}

function same<T>(it: T): T {
  return it
}

export function pick<T>(chance: () => number, list: readonly T[]): T {
  return list[Math.floor(chance() * list.length)] as T
}

/** A ring of these nodes, in two of five runs one that is changing. */
function drawPlacement(chance: () => number, names: readonly string[], replicas: number): Placement {
  const ring = { generation: 1, epoch: 1, replicas, tokens: drawTokens(chance, names) }
  if (chance() < 0.6) return createPlacement(ring)
  return createPlacement({
    ...ring,
    tokens: names.length > 1 ? ring.tokens.slice(Math.floor(chance() * 2)) : ring.tokens,
    next: drawTokens(chance, names),
    pending: [pick(chance, names)]
  })
}

function drawTokens(chance: () => number, names: readonly string[]): Token[] {
  const tokens = names.map((node): Token => ({ position: Math.floor(chance() * 10_000), node }))
  return tokens.sort((a, b) => a.position - b.position)
}

/** One key or two, of those that two sets of replicas hold if there are such. */
function drawKeys(chance: () => number, placement: Placement): string[] {
  const candidates = Array.from({ length: 20 }, (_, i) => `key ${i}`)
  const sets = (key: string) => placement.plan(slotOf(key)).sets.length
  return candidates.sort((a, b) => sets(b) - sets(a)).slice(0, 1 + Math.floor(chance() * 2))
}

/** A client: one operation after the other, each through any worker. */
async function useStore(world: World, client: number, each: number): Promise<void> {
  const { time, chance, keys, workers, writers } = world
  const pauseMs = pick(chance, [0, 10, 100])
  const reads = pick(chance, [0.3, 0.7, 1])
  for (let done = 0; done < each; done++) {
    await time.sleep(chance() * pauseMs)
    const kind = chance() < reads ? 'read' : pick(chance, ['write', 'write', 'write', 'delete'] as const)
    const call: Call = {
      kind,
      key: pick(chance, keys),
      value: kind === 'write' ? `${client}.${done}` : undefined
    }
    await attempt(world, client, call, pick(chance, kind === 'read' ? workers : writers))
  }
}

/** In the place of a client, for the ends of values. */
const ENDS = -1

const UNKNOWN: Outcome = { kind: 'unknown' }

async function attempt(world: World, client: number, call: Call, worker: Worker): Promise<Outcome> {
  const end = world.history.invoke(client, call)
  if (world.inFlight++ > 0) world.counts.overlapping++
  const outcome = await Promise.race([
    perform(world, worker, call),
    world.time.sleep(PATIENCE_MS).then(() => UNKNOWN)
  ])
  world.inFlight--
  end(outcome)
  return outcome
}

async function perform(
  world: World,
  { clock, reads, writes }: Worker,
  { kind, key, value }: Call
): Promise<Outcome> {
  try {
    if (kind === 'read') {
      const beganMs = world.time.nowMs
      const { record } = await reads.read(slotOf(key), key)
      const found = record === undefined || record.deleted ? undefined : record.value.toString()
      const { ofValue, skewMs } = world.expiry
      if ((ofValue.get(found ?? '') ?? Infinity) + skewMs <= START_MS + beganMs) {
        throw new Error(`a read found ${found}, which was over by every clock`)
      }
      return { kind: 'ok', value: found }
    }
    const expiresAtMs = value === undefined ? 0 : drawExpiry(world, clock, key, value)
    await writes.write(slotOf(key), key, version =>
      value === undefined ? tombstone(version, clock.wallMs()) : valueRecord(version, value, expiresAtMs)
    )
    return { kind: 'ok' }
  } catch (error) {
    if (!(error instanceof KvError)) throw error
    return kind !== 'read' && error.message.includes('outcome unknown') ? UNKNOWN : { kind: 'failed' }
  }
}

/**
 * When a value is to be over; 0: never. For the checker its end is a delete that may happen at any time from
 * then on, by the clock that is furthest ahead, or never: it allows more than it should where another value
 * has come meanwhile, and forbids that the value comes back.
 */
function drawExpiry(
  { time, chance, history, expiry, counts }: World,
  clock: Clock,
  key: string,
  value: string
): number {
  if (chance() >= expiry.share) return 0
  counts.expiring++
  const expiresAtMs = clock.wallMs() + 1 + Math.floor(chance() * 2 * expiry.skewMs)
  expiry.ofValue.set(value, expiresAtMs)
  time.after(Math.max(0, expiresAtMs - expiry.skewMs - START_MS - time.nowMs), () => {
    history.invoke(ENDS, { kind: 'delete', key })
  })
  return expiresAtMs
}

function valueRecord(version: Version, value: string, expiresAtMs: number): PairRecord {
  return { version, deleted: false, expiresAtMs, contentType: '', value: Buffer.from(value) }
}
