// A cluster whose ring changes, in one process under a virtual clock: every node runs the production
// coordinator, register, voter and copying, between what the plugins do in a real one, while clients read and
// write, operators change the ring, and machines, storages and the network fail. Everything that is left to
// chance comes from one seed, so a run can be had again.

import { compareRings } from '../../../src/core/ring/ring.ts'
import { describeViolation, type History } from '../checker/history.ts'
import { attempt, contradictions, STILL, useStore } from './ring-simulation-clients.ts'
import { startNode } from './ring-simulation-node.ts'
import { remembers } from './ring-simulation-faults.ts'
import { drawDays, passDays } from './ring-simulation-days.ts'
import { bury, newestRing, seed } from './ring-simulation-operators.ts'
import { type Trace } from './ring-simulation-trace.ts'
import { createWorld, drawWeather } from './ring-simulation-setup.ts'
import { brew, drawStorm, watchMoments } from './ring-simulation-storm.ts'
import { CALM, pick, type Machine, type RingFaults, type World } from './ring-simulation-world.ts'
import { workerOf } from './ring-simulation-worker.ts'
import { RING_NAME, slotOfName } from '../../../src/storage/memcached/names.ts'

export interface RingRun {
  readonly history: History
  /** What broke the promise, in lines for a person to read. */
  readonly violations: readonly string[]
  /** What happened, in numbers; a run in which nothing did proves nothing. */
  readonly counts: { readonly [what: string]: number }
  /** Every ring that was in force anywhere, as JSON, in the order in which they came. */
  readonly rings: readonly string[]
}

/** By then the last message of the storm has arrived. */
const CLEARING_MS = 5_000

/** In calm weather everything that is under way must come to its end in this time. */
const SETTLE_MS = 200_000

/** One run. */
export async function simulateRing(number: number, faults: RingFaults = {}, trace?: Trace): Promise<RingRun> {
  const world = createWorld(number, faults, trace)
  const failures: unknown[] = []
  tell(world)
    .catch(error => failures.push(error))
    .finally(() => end(world))
  await world.time.run()
  if (failures.length > 0) throw failures[0]
  world.violations.push(...world.history.violations().map(describeViolation))
  return {
    history: world.history,
    violations: world.violations,
    counts: world.counts,
    rings: [...world.rings.values()]
  }
}

/** Stops whatever would go on by itself. */
function end(world: World): void {
  world.over = true
  for (const { node } of world.machines) node?.life.end()
}

/** The story of a run, from the first write to the last read. */
async function tell(world: World): Promise<void> {
  const { chance, machines } = world
  const storm = drawStorm(world)
  const endMoments = watchMoments(world, storm)
  world.weather.recordLost = storm.weather?.recordLost ?? 0
  for (const machine of machines) machine.node = startNode(world, machine)
  await world.time.sleep(1_000)
  await seedAll(world)
  await writeStillKeys(world)
  const hasDays = drawDays(world)
  if (hasDays) await passDays(world)
  world.weather = { ...drawWeather(chance), ...storm.weather }
  if (!hasDays) {
    await Promise.all([
      brew(world, storm),
      ...Array.from({ length: 2 + Math.floor(chance() * 3) }, (_, client) => useStore(world, client))
    ])
  }
  await endMoments()
  world.weather = { ...CALM }
  for (const machine of machines) machine.group = 0
  await world.time.sleep(Math.max(CLEARING_MS, standsStillForMs(world)))
  if (!(await settles(world))) return
  noteLeftovers(world)
  await readEverything(world)
}

/** How long it takes until no process stands still any more. */
function standsStillForMs({ machines, time }: World): number {
  const halted = machines.flatMap(machine => [
    machine,
    ...(machine.node === undefined
      ? []
      : [machine.node.life, ...machine.node.workers.map(({ life }) => life)])
  ])
  return Math.max(0, ...halted.map(({ stillUntilMs }) => stillUntilMs - time.nowMs))
}

/**
 * Nodes that nobody has seeded are, one soon after the other, and mostly everybody waits until they are
 * ready.
 */
async function seedAll(world: World): Promise<void> {
  const { chance, machines, time } = world
  const fresh = machines.filter(
    ({ disk, name }) => disk.ring === undefined && world.seed.tokens.some(({ node }) => node === name)
  )
  if (fresh.length === 0) return
  await Promise.all(
    fresh.map(async machine => {
      await time.sleep(chance() * 800)
      await seed(world, machine)
    })
  )
  for (let looks = 0; looks < 10 && chance() < 0.9 && !fresh.every(remembers); looks++) await time.sleep(500)
}

/** Keys that nobody touches later. One replica may miss what became of some of them. */
async function writeStillKeys(world: World): Promise<void> {
  const { chance, machines, stillKeys } = world
  for (const key of stillKeys) {
    await attempt(
      world,
      STILL,
      { kind: 'write', key, value: 'first' },
      workerOf(world, machines[0] as Machine)
    )
  }
  const apart = pick(chance, machines)
  if (apart === machines[0] || chance() < 0.3) return
  apart.group = 1
  for (const key of stillKeys.slice(1)) {
    await attempt(
      world,
      STILL,
      key === stillKeys[1] ? { kind: 'write', key, value: 'second' } : { kind: 'delete', key },
      workerOf(world, machines[0] as Machine)
    )
  }
  apart.group = 0
}

/**
 * Waits until every node has the same stable ring, remembers everything and has nothing left to copy or
 * purge.
 */
async function settles(world: World): Promise<boolean> {
  const { time, machines } = world
  const endMs = time.nowMs + SETTLE_MS
  while (!(await isSettled(world))) {
    if (time.nowMs > endMs) {
      const state = await Promise.all(
        machines.map(
          async machine =>
            `${machine.name} ${machine.dead ? 'dead' : remembers(machine)} ` +
            `${await machine.node?.keeper.isTidy()} ${machine.node?.workers.length} ` +
            `${JSON.stringify(machine.disk)}`
        )
      )
      world.violations.push(`the cluster does not settle\n${state.join('\n')}`)
      return false
    }
    await bury(world)
    // An operator shows every node to one that has the newest ring.
    const newest = newestRing(world)
    const from = machines
      .flatMap(({ node }) => node?.workers ?? [])
      .find(
        ({ app: { ring } }) =>
          ring.serving && ring.view !== undefined && compareRings(ring.view.ring, newest) === 0
      )
    await Promise.all(
      machines.map(({ name }) =>
        from?.app.peers
          .channel(name)
          .greet()
          .catch(() => {})
      )
    )
    await time.sleep(500)
  }
  return true
}

async function isSettled(world: World): Promise<boolean> {
  const newest = newestRing(world)
  if (newest.next !== undefined) return false
  const settled = await Promise.all(
    world.machines.map(async ({ dead, node, workers }) => {
      if (dead) return true
      if (node === undefined || node.workers.length < workers || !(await node.keeper.isTidy())) return false
      return node.workers.every(
        ({ requests, app: { ring, storage } }) =>
          requests.inFlight === 0 &&
          ring.serving &&
          ring.view !== undefined &&
          compareRings(ring.view.ring, newest) === 0 &&
          storage.incarnation !== 0
      )
    })
  )
  return settled.every(Boolean)
}

/** Pairs of slots that a node does not hold would come back with it, after their tombstones are gone. */
function noteLeftovers({ machines, violations }: World): void {
  for (const { name, dead, shelf, node } of machines) {
    const placement = node?.workers[0]?.app.ring.view?.placement
    const left = dead
      ? []
      : [...shelf.items.keys()].filter(
          item =>
            item !== RING_NAME && !placement?.replicates(name, slotOfName(item)) && !shelf.late.has(item)
        )
    if (left.length > 0) violations.push(`${name} has not purged ${left.join(', ')}`)
  }
}

async function readEverything(world: World): Promise<void> {
  const alive = world.machines.filter(({ dead }) => !dead)
  for (const [index, machine] of alive.entries()) {
    const { name } = machine
    for (const key of [...world.keys, ...world.stillKeys]) {
      const outcome = await attempt(world, 1000 + index, { kind: 'read', key }, workerOf(world, machine))
      if (outcome.kind === 'ok') {
        world.violations.push(
          ...contradictions(key, world.history.operations(key), outcome.value).map(what => `${name}: ${what}`)
        )
      } else world.violations.push(`${name}: ${key} cannot be read although nothing is wrong any more`)
    }
  }
}
