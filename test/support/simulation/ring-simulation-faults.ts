// What breaks in a simulated cluster. No more memory is lost than the promise bears: where every key has
// three replicas or more, one node's at a time, and the next one's only when that one has recovered.

import { createPlacement } from '../../../src/core/ring/placement.ts'
import { namesNode } from '../../../src/core/ring/ring.ts'
import { RING_NAME } from '../../../src/storage/memcached/names.ts'
import { startNode } from './ring-simulation-node.ts'
import { bury, newestRing, seed, seedAnew } from './ring-simulation-operators.ts'
import { workerOf } from './ring-simulation-worker.ts'
import { count, pick, type Machine, type World } from './ring-simulation-world.ts'

export type Fault = (world: World) => Promise<void>

export const partition: Fault = async ({ chance, machines, time }) => {
  for (const machine of machines) machine.group = Math.floor(chance() * 2)
  await time.sleep(chance() * 5_000)
  for (const machine of machines) machine.group = 0
}

/** A whole machine stands still, or one process of it. */
export const pause: Fault = async ({ chance, machines, time }) => {
  const machine = pick(chance, machines)
  const workers = machine.node?.workers ?? []
  const paused = pick<{ stillUntilMs: number } | undefined>(chance, [
    machine,
    machine.node?.life,
    ...workers.map(({ life }) => life)
  ])
  if (paused !== undefined) paused.stillUntilMs = time.nowMs + chance() * pick(chance, [4_000, 4_000, 12_000])
}

/** One worker ends, and another takes its place. */
export const killWorker: Fault = async world => {
  count(world, 'workers killed')
  workerOf(world, pick(world.chance, world.machines))?.life.end()
}

export const skew: Fault = async ({ chance, machines }) => {
  pick(chance, machines).skewMs = (chance() - 0.5) * pick(chance, [3_000, 30_000])
}

function stop(world: World, machine: Machine): void {
  count(world, 'crashes')
  machine.node?.life.end()
  machine.node = undefined
}

/** Ends the processes and starts others after a while. */
export async function crash(world: World, machine: Machine, mostMs = 3_000): Promise<void> {
  if (machine.node === undefined) return
  stop(world, machine)
  await world.time.sleep(100 + world.chance() * mostMs)
  if (!world.over) machine.node = startNode(world, machine)
}

export const restart: Fault = world => crash(world, pick(world.chance, world.machines))

export function empty({ shelf, node }: Machine): void {
  shelf.items.clear()
  shelf.run++
  for (const { storage } of node?.workers ?? []) storage.cut()
}

/** Takes what a machine holds. False: that would be more than the promise bears. */
export type Loss = (world: World, machine: Machine) => Promise<boolean>

/** The storage comes back empty, in half of all cases together with the processes. */
export const forget: Loss = async (world, machine) => {
  if (machine.node === undefined || !canLose(world, machine)) return false
  count(world, 'memory losses')
  empty(machine)
  if (world.chance() < 0.5) await crash(world, machine)
  return true
}

/** The machine is replaced by an empty one of the same name. */
export const loseAll: Loss = async (world, machine) => {
  if (machine.node === undefined || !canLose(world, machine)) return false
  count(world, 'total losses')
  machine.disk.ring = machine.disk.votes = undefined
  empty(machine)
  await crash(world, machine)
  return true
}

/** Likewise, and the operator seeds it as at first. */
export const reseed: Loss = async (world, machine) => {
  if (!(await loseAll(world, machine))) return false
  await world.time.sleep(world.chance() * 600)
  await seed(world, machine)
  return true
}

/** Likewise, and the operator seeds all nodes with a new generation. */
export const reseedAnew: Loss = async (world, machine) => {
  if (!(await loseAll(world, machine))) return false
  await world.time.sleep(world.chance() * 600)
  await seedAnew(world)
  return true
}

/** A storage has no more room for a while. */
export const fill: Fault = async ({ chance, machines, time }) => {
  const { shelf } = pick(chance, machines)
  shelf.limit = shelf.items.size + Math.floor(chance() * 2)
  await time.sleep(chance() * 6_000)
  shelf.limit = Infinity
}

/** A machine dies for good, and sooner or later an operator says so. */
export const die: Fault = async world => {
  const machine = pick(world.chance, world.machines)
  if (machine.node === undefined || !canLose(world, machine)) return
  count(world, 'deaths')
  stop(world, machine)
  machine.dead = true
  await world.time.sleep(world.chance() * 4_000)
  await bury(world)
}

/** True if the ring record says that the storage holds everything that was acknowledged. */
export function remembers({ shelf }: Machine): boolean {
  return shelf.items.get(RING_NAME)?.bytes[0] === 0x7b
}

/** True if the storage holds everything that was acknowledged, and every process has noticed. */
function isWhole({ machines }: World, name: string): boolean {
  return machines.filter(machine => machine.name === name).every(machine => remembers(machine))
}

/**
 * True if the machine may lose its memory: no other has lost any that it lacks, and every key has at least
 * two more replicas.
 */
export function canLose(world: World, machine: Machine): boolean {
  const ring = newestRing(world)
  if (ring.gone !== undefined || !namesNode(ring, machine.name)) return false
  if (
    world.machines.some(
      ({ dead, shelf, disk, name }) =>
        (dead && namesNode(ring, name)) ||
        (!dead && !isWhole(world, name) && (disk.ring !== undefined || shelf.run > 1))
    )
  ) {
    return false
  }
  const { plan } = createPlacement(ring)
  return [...ring.tokens, ...(ring.next ?? [])].every(({ position }) =>
    plan(position).sets.every(({ members }) => members.length >= 3)
  )
}
