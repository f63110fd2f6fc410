// A cluster in one process under a virtual clock: the production coordinator, placement, versions and records over a
// simulated network, with clients that read, write and delete a few keys. Everything that is left to chance comes from one seed,
// so a run can be had again; what the clients saw goes into a history for the checker.

import { KvError } from '../../src/errors.ts'
import { createCoordinator, type Coordinator, type CoordinatorPorts } from '../../src/core/coordinator.ts'
import { createPlacement, type Placement } from '../../src/core/placement.ts'
import { type Replicas } from '../../src/core/ports.ts'
import { isVisible, tombstone, type Record } from '../../src/core/record.ts'
import { type Token } from '../../src/core/ring.ts'
import { slotOf } from '../../src/core/slot.ts'
import { createClock, type Clock, type Version } from '../../src/core/version.ts'
import { createChance, createHistory, type Call, type History, type Outcome } from './history.ts'
import { CALM, createNetwork, mergeIfNewer, type Merge, type Network, type SimulatedNode, type Weather } from './simulated-network.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'

/** What a test plants: a fault around the ports, in the replicas, or another coordinator altogether. */
export interface Planted {
  readonly readPort?: (port: Replicas) => Replicas
  readonly writePort?: (port: Replicas) => Replicas
  readonly merge?: Merge
  readonly coordinator?: (ports: CoordinatorPorts) => Coordinator
}

export interface Run {
  readonly history: History
  /** What happened, in numbers; a run in which nothing did proves nothing. */
  readonly counts: Network['counts'] & { writeBacks: number, overlapping: number, twoSets: boolean, replicas: number }
  /** What each replica holds in the end. */
  readonly pairs: ReadonlyArray<ReadonlyMap<string, Record>>
}

interface Worker { readonly clock: Clock, readonly reads: Coordinator, readonly writes: Coordinator }

interface World {
  readonly time: VirtualTime
  readonly chance: () => number
  readonly nodes: readonly SimulatedNode[]
  /** By how much each node's wall clock is wrong. */
  readonly skewsMs: number[]
  readonly network: Network
  readonly placement: Placement
  readonly workers: readonly Worker[]
  readonly keys: readonly string[]
  readonly history: History
  readonly counts: Run['counts']
  inFlight: number
}

const START_MS = Date.UTC(2026, 0, 1)

/** How long the faults go on; most clients are done by then. */
const STORM_MS = 1_500

/** When a client gives up. What it asked for goes on. */
const PATIENCE_MS = 450

/** One run. Throws when a client gets an answer that no client may get, or none at all. */
export async function simulate (seed: number, planted: Planted = {}): Promise<Run> {
  const world = createWorld(seed, planted)
  const { chance, history, network, workers, keys } = world
  network.weather = drawWeather(chance)
  brew(world)
  const each = 10 + Math.floor(chance() * 20)
  await finish(world, Array.from({ length: 2 + Math.floor(chance() * 4) }, (_, client) => useStore(world, client, each)))
  // When the storm is over, every worker answers again, and what was acknowledged is still there.
  for (const node of world.nodes) Object.assign(node, { group: 0, crashed: false, recovering: false })
  network.weather = CALM
  await finish(world, workers.map(async (worker, index) => {
    for (const key of keys) {
      const outcome = await attempt(world, 1000 + index, { kind: 'read', key }, worker)
      if (outcome.kind !== 'ok') throw new Error('a read failed although nothing was wrong any more')
    }
  }))
  return { history, counts: world.counts, pairs: world.nodes.map(({ pairs }) => pairs) }
}

/** Lets time pass until nothing happens any more; by then every client must be done. */
async function finish (world: World, clients: Array<Promise<void>>): Promise<void> {
  let waiting = clients.length
  const failures: unknown[] = []
  for (const client of clients) client.catch((error: unknown) => failures.push(error)).finally(() => waiting--)
  await world.time.run()
  if (failures.length > 0) throw failures[0]
  if (waiting > 0) throw new Error(`${waiting} clients wait for ever`)
}

function createWorld (seed: number, planted: Planted): World {
  const chance = createChance(seed)
  const time = createVirtualTime()
  const replicas = pick(chance, [1, 2, 3, 3, 3, 4, 5])
  const names = Array.from({ length: replicas + Math.floor(chance() * 3) }, (_, i) => `node-${i}:5000`)
  const placement = drawPlacement(chance, names, replicas)
  const nodes = names.map((name): SimulatedNode => ({ name, pairs: new Map(), group: 0, crashed: false, recovering: false, stillUntilMs: 0 }))
  const spreadMs = pick(chance, [0, 20, 3_000])
  const skewsMs = names.map(() => (chance() - 0.5) * spreadMs)
  const network = createNetwork(time, chance, new Map(nodes.map((node) => [node.name, node])), planted.merge ?? mergeIfNewer)
  const keys = drawKeys(chance, placement)
  const counts = Object.assign(network.counts, { writeBacks: 0, overlapping: 0, twoSets: keys.some((key) => placement.plan(slotOf(key)).sets.length > 1), replicas })
  const workers = names.flatMap((name, node) => [1, 2].map((number): Worker => {
    const clock = createClock(() => Math.floor(START_MS + time.nowMs + (skewsMs[node] as number)), node * 2 + number)
    return createWorker(placement, network.from(name), clock, planted, counts)
  }))
  return { time, chance, nodes, skewsMs, network, placement, workers, keys, history: createHistory(() => time.nowMs), counts, inFlight: 0 }
}

/** A coordinator keeps nothing between requests, so one for the reads and one for the writes of a worker are as good as one. */
function createWorker (plans: Placement, port: Replicas, clock: Clock, planted: Planted, counts: Run['counts']): Worker {
  const { readPort = same, writePort = same, coordinator = createCoordinator } = planted
  const counted: Replicas = {
    get: port.get,
    merge (...message) {
      counts.writeBacks++
      return port.merge(...message)
    }
  }
  return {
    clock,
    reads: coordinator({ plans, replicas: readPort(counted), clock }),
    writes: coordinator({ plans, replicas: writePort(port), clock })
  }
}

function same<T> (it: T): T {
  return it
}

function pick<T> (chance: () => number, list: readonly T[]): T {
  return list[Math.floor(chance() * list.length)] as T
}

/** A ring of these nodes, in two of five runs one that is changing. */
function drawPlacement (chance: () => number, names: readonly string[], replicas: number): Placement {
  const ring = { generation: 1, epoch: 1, replicas, tokens: drawTokens(chance, names) }
  if (chance() < 0.6) return createPlacement(ring)
  return createPlacement({ ...ring, tokens: names.length > 1 ? ring.tokens.slice(Math.floor(chance() * 2)) : ring.tokens, next: drawTokens(chance, names), pending: [pick(chance, names)] })
}

function drawTokens (chance: () => number, names: readonly string[]): Token[] {
  const tokens = names.map((node): Token => ({ position: Math.floor(chance() * 10_000), node }))
  return tokens.sort((a, b) => a.position - b.position)
}

/** One key or two, of those that two sets of replicas hold if there are such. */
function drawKeys (chance: () => number, placement: Placement): string[] {
  const candidates = Array.from({ length: 20 }, (_, i) => `key ${i}`)
  const sets = (key: string) => placement.plan(slotOf(key)).sets.length
  return candidates.sort((a, b) => sets(b) - sets(a)).slice(0, 1 + Math.floor(chance() * 2))
}

function drawWeather (chance: () => number): Weather {
  const often = pick(chance, [0, 0.02, 0.1])
  return {
    delayMs: pick(chance, [10, 90]),
    stragglers: pick(chance, [0, 0.2, 0.5]),
    stragglerMs: pick(chance, [100, 180]),
    deadlineMs: pick(chance, [100, 200]),
    lost: often * chance(),
    repeated: often * chance(),
    overloaded: often * chance() / 2,
    full: often * chance() / 2,
    fenced: pick(chance, [0, 0, 0.1]) * chance()
  }
}

/** Plans the faults of a run: each strikes at some time, goes on for a while and ends. */
function brew ({ time, chance, nodes, skewsMs }: World): void {
  const faults: Array<(lastsMs: number) => () => void> = [
    () => {
      for (const node of nodes) node.group = Math.floor(chance() * 2)
      return () => { for (const node of nodes) node.group = 0 }
    },
    () => strike(pick(chance, nodes), 'crashed'),
    () => strike(pick(chance, nodes), 'recovering'),
    (lastsMs) => {
      pick(chance, nodes).stillUntilMs = time.nowMs + lastsMs
      return () => {}
    },
    () => {
      skewsMs[Math.floor(chance() * nodes.length)] = (chance() - 0.5) * 3_000
      return () => {}
    }
  ]
  for (let left = Math.floor(chance() * 6); left > 0; left--) {
    time.after(chance() * STORM_MS, () => {
      const lastsMs = chance() * 400
      time.after(lastsMs, pick(chance, faults)(lastsMs))
    })
  }
}

function strike (node: SimulatedNode, what: 'crashed' | 'recovering'): () => void {
  node[what] = true
  return () => { node[what] = false }
}

/** A client: one operation after the other, each through any worker. */
async function useStore (world: World, client: number, each: number): Promise<void> {
  const { time, chance, keys, workers } = world
  const pauseMs = pick(chance, [0, 10, 100])
  const reads = pick(chance, [0.3, 0.7, 1])
  for (let done = 0; done < each; done++) {
    await time.sleep(chance() * pauseMs)
    const kind = chance() < reads ? 'read' : pick(chance, ['write', 'write', 'write', 'delete'] as const)
    const call: Call = { kind, key: pick(chance, keys), value: kind === 'write' ? `${client}.${done}` : undefined }
    await attempt(world, client, call, pick(chance, workers))
  }
}

const UNKNOWN: Outcome = { kind: 'unknown' }

async function attempt (world: World, client: number, call: Call, worker: Worker): Promise<Outcome> {
  const end = world.history.invoke(client, call)
  if (world.inFlight++ > 0) world.counts.overlapping++
  const outcome = await Promise.race([perform(worker, call), world.time.sleep(PATIENCE_MS).then(() => UNKNOWN)])
  world.inFlight--
  end(outcome)
  return outcome
}

async function perform ({ clock, reads, writes }: Worker, { kind, key, value }: Call): Promise<Outcome> {
  try {
    if (kind === 'read') {
      const { record } = await reads.read(slotOf(key), key)
      return { kind: 'ok', value: record !== undefined && isVisible(record, clock.wallMs()) ? record.value.toString() : undefined }
    }
    await writes.write(slotOf(key), key, (version) => value === undefined ? tombstone(version, clock.wallMs()) : valueRecord(version, value))
    return { kind: 'ok' }
  } catch (error) {
    if (!(error instanceof KvError)) throw error
    return kind !== 'read' && error.message.includes('outcome unknown') ? UNKNOWN : { kind: 'failed' }
  }
}

function valueRecord (version: Version, value: string): Record {
  return { version, deleted: false, expiresAtMs: 0, contentType: '', value: Buffer.from(value) }
}
