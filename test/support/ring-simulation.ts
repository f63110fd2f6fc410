// A cluster whose ring changes, in one process under a virtual clock: every node runs the production coordinator, register, voter and
// copying, between what the plugins do in a real one, while clients read and write, operators change the ring, and machines,
// storages and the network fail. Everything that is left to chance comes from one seed, so a run can be had again.

import { type Ring, type Token } from '../../src/core/ring.ts'
import { createChance, createHistory, describeViolation, type History } from './history.ts'
import { attempt, contradictions, useStore } from './ring-simulation-clients.ts'
import { startProcess } from './ring-simulation-process.ts'
import { brew, bury, newestRing } from './ring-simulation-storm.ts'
import { CALM, count, pick, type Machine, type RingFaults, type Weather, type World } from './ring-simulation-world.ts'
import { createVirtualTime } from './virtual-time.ts'

export interface RingRun {
  readonly history: History
  /** What broke the promise, in lines for a person to read. */
  readonly violations: readonly string[]
  /** What happened, in numbers; a run in which nothing did proves nothing. */
  readonly counts: { readonly [what: string]: number }
  /** Every ring that was in force anywhere, as JSON, in the order in which they came. */
  readonly rings: readonly string[]
}

/** By then the last message of the storm has arrived, and no process stands still any more. */
const CLEARING_MS = 1_000

/** In calm weather everything that is under way must come to its end in this time. */
const SETTLE_MS = 20_000

/** One run. */
export async function simulateRing (seed: number, faults: RingFaults = {}): Promise<RingRun> {
  const world = createWorld(seed, faults)
  const failures: unknown[] = []
  tell(world).catch(error => failures.push(error)).finally(() => end(world))
  await world.time.run()
  if (failures.length > 0) throw failures[0]
  world.violations.push(...world.history.violations().map(describeViolation))
  return { history: world.history, violations: world.violations, counts: world.counts, rings: [...world.rings.values()] }
}

/** Stops whatever would go on by itself. */
function end (world: World): void {
  world.over = true
  for (const { process } of world.machines) process?.end()
}

/** The story of a run, from the first write to the last read. */
async function tell (world: World): Promise<void> {
  const { chance, machines } = world
  for (const machine of machines) startProcess(world, machine)
  await world.time.sleep(1)
  await writeStillKeys(world)
  world.weather = drawWeather(chance)
  await Promise.all([brew(world), ...Array.from({ length: 2 + Math.floor(chance() * 3) }, (_, client) => useStore(world, client))])
  world.weather = CALM
  for (const machine of machines) machine.group = 0
  await world.time.sleep(CLEARING_MS)
  if (!await settles(world)) return
  noteLeftovers(world)
  await readEverything(world)
}

/** Keys that nobody touches later. One replica may miss what became of some of them. */
async function writeStillKeys (world: World): Promise<void> {
  const { chance, machines, stillKeys } = world
  for (const key of stillKeys) await attempt(world, 100, { kind: 'write', key, value: 'first' }, machines[0]?.process)
  const apart = pick(chance, machines)
  if (apart === machines[0] || chance() < 0.3) return
  apart.group = 1
  for (const key of stillKeys.slice(1)) await attempt(world, 100, key === stillKeys[1] ? { kind: 'write', key, value: 'second' } : { kind: 'delete', key }, machines[0]?.process)
  apart.group = 0
}

/** Waits until every node has the same stable ring, remembers everything and has nothing left to copy or purge. */
async function settles (world: World): Promise<boolean> {
  const { time, machines } = world
  const endMs = time.nowMs + SETTLE_MS
  while (!isSettled(world)) {
    if (time.nowMs > endMs) {
      const state = machines.map(({ name, dead, disk, shelf, process }) => `${name} ${dead ? 'dead' : shelf.mark} ${process?.copying.idle} ${JSON.stringify(disk)}`)
      world.violations.push(`the cluster does not settle\n${state.join('\n')}`)
      return false
    }
    await bury(world)
    // An operator shows every node to one that has the newest ring.
    const newest = newestRing(world)
    const from = machines.find(({ disk, process }) => disk.ring?.epoch === newest.epoch && process?.installed.serving)
    await Promise.all(machines.map(machine => from?.process?.greet(machine)))
    await time.sleep(50)
  }
  return true
}

function isSettled (world: World): boolean {
  const { epoch, next } = newestRing(world)
  if (next !== undefined) return false
  return world.machines.every(({ dead, shelf, process }) => {
    if (dead) return true
    return process !== undefined && process.requests.inFlight === 0 && process.installed.serving && process.installed.view?.ring.epoch === epoch && shelf.mark === 'ring' && process.copying.idle
  })
}

/** Pairs of slots that a node does not hold would come back with it, after their tombstones are gone. */
function noteLeftovers ({ machines, violations }: World): void {
  for (const { name, dead, process } of machines) {
    const left = dead ? [] : process?.storage.keys(slot => !process.installed.view?.placement.replicates(name, slot)) ?? []
    if (left.length > 0) violations.push(`${name} has not purged ${left.join(', ')}`)
  }
}

async function readEverything (world: World): Promise<void> {
  const alive = world.machines.filter(({ dead }) => !dead)
  for (const [index, { name, process }] of alive.entries()) {
    for (const key of [...world.keys, ...world.stillKeys]) {
      const outcome = await attempt(world, 1000 + index, { kind: 'read', key }, process)
      if (outcome.kind === 'ok') world.violations.push(...contradictions(key, world.history.operations(key), outcome.value).map(what => `${name}: ${what}`))
      else world.violations.push(`${name}: ${key} cannot be read although nothing is wrong any more`)
    }
  }
}

function createWorld (seed: number, faults: RingFaults): World {
  const chance = createChance(seed)
  const time = createVirtualTime()
  const names = Array.from({ length: pick(chance, [1, 2, 3, 3, 4, 4, 5, 5]) }, (_, i) => `node-${i}:5000`)
  const ring: Ring = { generation: 1, epoch: 1, replicas: pick(chance, [1, 1, 2, 3, 3, 3, 3, 3, 5]), tokens: drawTokens(chance, names.slice(0, pick(chance, [names.length, names.length, 3, 1, 1 + Math.floor(chance() * names.length)]))) }
  const members = ring.tokens.map(({ node }) => node)
  const spreadMs = pick(chance, [0, 20, 3_000])
  const machines = names.map((name): Machine => {
    // The others are standbys that know the ring, or new.
    const knows = members.includes(name) || chance() < 0.5
    return {
      name,
      shelf: { pairs: new Map(), mark: knows ? 'ring' : 'none', losses: 0 },
      disk: { ring: knows ? ring : undefined, votes: knows ? { life: Math.floor(chance() * 2 ** 48), forgetful: false } : undefined },
      process: undefined,
      group: 0,
      stillUntilMs: 0,
      dead: false,
      skewMs: (chance() - 0.5) * spreadMs
    }
  })
  // The first machine is a member, so that the first writes get through.
  machines.sort((a, b) => Number(members.includes(b.name)) - Number(members.includes(a.name)))
  const world: World = {
    time,
    chance,
    weather: CALM,
    machines,
    faults,
    history: createHistory(() => time.nowMs),
    keys: pick(chance, [['key 1'], ['key 1', 'key 2'], ['key 3', 'key 4']]),
    stillKeys: ['key 5', 'key 6', 'key 7', 'key 8', 'key 9'],
    rings: new Map(),
    violations: [],
    counts: {},
    over: false
  }
  count(world, `replicas ${ring.replicas}`)
  return world
}

/** One token for each node, or two for some. */
function drawTokens (chance: () => number, names: readonly string[]): Token[] {
  const tokens = new Map(names.flatMap(node => Array.from({ length: pick(chance, [1, 1, 2]) }, () => [Math.floor(chance() * 10_000), node] as const)))
  return [...tokens].map(([position, node]) => ({ position, node })).sort((a, b) => a.position - b.position)
}

function drawWeather (chance: () => number): Weather {
  const often = pick(chance, [0, 0.01, 0.05])
  return {
    delayMs: pick(chance, [3, 15, 60]),
    stragglers: pick(chance, [0, 0.2, 0.5]),
    stragglerMs: pick(chance, [80, 250]),
    deadlineMs: pick(chance, [100, 200]),
    lost: often * chance(),
    repeated: often * chance(),
    storageMs: pick(chance, [1, 5, 20]),
    slow: pick(chance, [0, 0.1, 0.5])
  }
}
