// What goes wrong at the worst of times: when the cluster votes, when a ring changes, when a write is at two
// of three replicas only.

import { createPlacement } from '../../../src/core/ring/placement.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { pairName } from '../../../src/storage/memcached/names.ts'
import { attempt } from './ring-simulation-clients.ts'
import {
  canLose,
  crash,
  empty,
  partition,
  remembers,
  restart,
  type Fault,
  type Loss
} from './ring-simulation-faults.ts'
import { makeChanges, newestRing, operate } from './ring-simulation-operators.ts'
import { workerOf } from './ring-simulation-worker.ts'
import {
  count,
  gate,
  machineOf,
  pick,
  type Machine,
  type Stall,
  type World
} from './ring-simulation-world.ts'

/** Several clients at one key at the same time, who read again and again. */
export async function crowd(world: World): Promise<void> {
  const { chance, keys, machines, time } = world
  const key = pick(chance, keys)
  await Promise.all(
    [0, 1, 2, 3].map(async client => {
      for (let i = 0; i < 4; i++) {
        await time.sleep(chance() * 200)
        const kind = client < 2 && i % 2 === 0 ? 'write' : 'read'
        await attempt(
          world,
          500 + client,
          { kind, key, value: kind === 'write' ? unique(world) : undefined },
          workerOf(world, pick(chance, machines))
        )
      }
    })
  )
}

/**
 * Operators who ask different nodes for different things at the same time, and a cluster that falls apart
 * meanwhile.
 */
export async function rival(world: World): Promise<void> {
  const { chance, time } = world
  const soon = async (action: () => Promise<void>) => {
    await time.sleep(chance() * 600)
    await action()
  }
  await Promise.all(
    [1, 2, 3]
      .map(() => soon(() => operate(world)))
      .concat([partition, restart].map(fault => soon(() => fault(world))))
  )
}

/** A node has voted: it ends when its answer has left, or just before. */
export async function crashSoon(world: World, machine: Machine): Promise<void> {
  await world.time.sleep(world.chance() * 40)
  await crash(world, machine)
}

/**
 * Likewise, while a machine is cut off, which may have counted the vote, and others propose something else.
 */
export async function crashAmongRivals(world: World, voter: Machine): Promise<void> {
  const { chance, machines, time } = world
  await time.sleep(chance() * 80)
  const cut = pick(
    chance,
    machines.filter(machine => machine !== voter)
  ) as Machine | undefined
  if (cut !== undefined) cut.group = 1
  const back = crash(world, voter, 200)
  for (let i = 0; i < 3; i++) {
    await time.sleep(chance() * 600)
    await Promise.race([operate(world), time.sleep(800)])
  }
  if (cut !== undefined) cut.group = 0
  await back
}

/**
 * A ring is being decided: what is written takes long now, and clients write keys that move, each its own.
 */
export async function writeMeanwhile(world: World): Promise<void> {
  const { chance, keys, machines, stillKeys, time } = world
  const { plan } = createPlacement(newestRing(world))
  const moving = [...keys, ...stillKeys].filter(key => plan(slotOf(key)).sets.length > 1)
  const untilMs = time.nowMs + 1_500
  await Promise.all(
    shuffled(world, moving.length > 0 ? moving : [...keys])
      .slice(0, 3)
      .map(async (key, client) => {
        const { nodes, sets } = plan(slotOf(key))
        for (const member of sets[0]?.members ?? []) {
          machineOf(world, nodes[member] as string).slowUntilMs = untilMs
        }
        await time.sleep(chance() * 60)
        await attempt(
          world,
          200 + client,
          { kind: 'write', key, value: unique(world) },
          workerOf(world, pick(chance, machines))
        )
        await attempt(world, 203 + client, { kind: 'read', key }, workerOf(world, pick(chance, machines)))
      })
  )
}

/** A value that nobody else writes. */
export function unique(world: World): string {
  count(world, 'writes at a moment')
  return `at a moment ${world.counts['writes at a moment']}`
}

/** The nodes of the replicas of a key, in any order, if it has three or more and the ring is stable. */
export function replicasOf(world: World, key: string): Machine[] {
  const { nodes, sets } = createPlacement(newestRing(world)).plan(slotOf(key))
  return sets.length > 1 || nodes.length < 3
    ? []
    : shuffled(
        world,
        nodes.map(node => machineOf(world, node))
      )
}

export function shuffled<T>({ chance }: World, list: T[]): T[] {
  return list
    .map(value => ({ value, order: chance() }))
    .sort((a, b) => a.order - b.order)
    .map(({ value }) => value)
}

/** Some writes that miss a replica. */
export async function writeWithout(
  world: World,
  key: string,
  missing: Machine,
  writer: Machine,
  times = 2
): Promise<void> {
  const { chance } = world
  missing.group = 1
  for (let i = 0; i < times; i++) {
    await attempt(
      world,
      300,
      chance() < 0.8 ? { kind: 'write', key, value: unique(world) } : { kind: 'delete', key },
      workerOf(world, writer)
    )
  }
  missing.group = 0
}

/** Cuts a machine off, and has others read meanwhile. */
export async function readWithout(
  world: World,
  key: string,
  missing: Machine,
  readers: readonly Machine[]
): Promise<void> {
  missing.group = 1
  const endMs = world.time.nowMs + 2_500
  while (world.time.nowMs < endMs) {
    await attempt(world, 301, { kind: 'read', key }, workerOf(world, pick(world.chance, readers)))
    await world.time.sleep(200)
  }
  missing.group = 0
}

/**
 * A write is at two of three replicas; one of them loses it, and the other is cut off when the first may
 * count again. `least` milliseconds pass between.
 */
export function betray(loss: Loss, share = 0.7): Fault {
  return async world => {
    const { chance, time } = world
    const key = pick(chance, [...world.keys, ...world.stillKeys])
    const [loser, missing, keeper] = replicasOf(world, key)
    if (loser === undefined || missing === undefined || keeper === undefined || !canLose(world, loser)) return
    await writeWithout(world, key, missing, keeper)
    if (!(await loss(world, loser))) return
    count(world, 'betrayed')
    if (chance() > share) return
    await time.sleep(chance() * chance() * 4_000)
    await readWithout(world, key, keeper, [loser, missing])
  }
}

/**
 * The answer to the writing of a sentinel was lost: its node counts, takes a write that misses another, and
 * is emptied before it looks again.
 */
export async function emptyAfterWrite(world: World, loser: Machine): Promise<void> {
  const { chance, time } = world
  const key = pick(chance, [...world.keys, ...world.stillKeys])
  const replicas = replicasOf(world, key)
  const [missing, keeper] = replicas.filter(machine => machine !== loser)
  if (!replicas.includes(loser) || missing === undefined || keeper === undefined) return
  await time.sleep(chance() * 60)
  await writeWithout(world, key, missing, keeper, 1)
  if (!canLose(world, loser)) return
  count(world, 'emptied after a lost answer')
  empty(loser)
  await time.sleep(600 + chance() * 1_000)
  await readWithout(world, key, keeper, [loser, missing])
}

/**
 * Likewise, but the loser fetches across a change and its contrary: the slot is taken from the only other
 * replica that has the write, which purges it just before it is read, and is given back before what was read
 * arrives.
 */
export async function pushOut(world: World): Promise<void> {
  const { chance, machines, stillKeys, time } = world
  const key = pick(chance, stillKeys)
  const { nodes, sets } = createPlacement(newestRing(world)).plan(slotOf(key))
  const [loser, missing, keeper] = [...shuffled(world, nodes.slice(0, 2)), ...nodes.slice(2)].map(node =>
    machineOf(world, node)
  )
  const outside = machines.find(({ name, dead }) => !dead && !nodes.includes(name))
  if (sets.length > 1 || nodes.length !== 3 || outside === undefined) return
  if (loser === undefined || missing === undefined || keeper === undefined || !canLose(world, loser)) return
  await writeWithout(world, key, missing, keeper)
  if (!canLose(world, loser)) return
  const gates = [gate(), gate()] as const
  const stall: Stall = { from: keeper.name, streams: 0, asked: gates[0].opened, arrived: gates[1].opened }
  loser.stall = stall
  empty(loser)
  count(world, 'pushed out')
  const within = async (ms: number, condition: () => boolean) => {
    for (const endMs = time.nowMs + ms; !condition() && time.nowMs < endMs;) await time.sleep(10)
  }
  await within(4_000, () => stall.streams > 0)
  const token = { position: slotOf(key), node: outside.name }
  const worker = workerOf(world, keeper)
  if (worker !== undefined) await makeChanges(world, worker, [{ kind: 'add', ...token }])
  await within(4_000, () => !keeper.shelf.items.has(pairName(slotOf(key), key)))
  gates[0].open()
  await time.sleep(50 + chance() * 100)
  if (worker !== undefined) await makeChanges(world, worker, [{ kind: 'remove-token', ...token }])
  await time.sleep(chance() * 500)
  gates[1].open()
  loser.stall = undefined
  await within(4_000, () => remembers(loser))
  await readWithout(world, key, keeper, [loser, missing])
}
