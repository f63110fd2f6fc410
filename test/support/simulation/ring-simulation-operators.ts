// The operators of a simulated cluster: they seed nodes, add and remove them, give changes up, and declare
// nodes dead.

import { begin } from '../../../plugins/changes/carry-out.ts'
import { abortChange, beginChange, type Change } from '../../../src/core/ring/change.ts'
import { compareRings, namesNode, type Ring } from '../../../src/core/ring/ring.ts'
import { KvError } from '../../../src/errors.ts'
import { workerOf, type Worker } from './ring-simulation-worker.ts'
import { count, pick, type Machine, type World } from './ring-simulation-world.ts'

/** An operator gives up after so long; what was asked for goes on. */
const PATIENCE_MS = 10_000

/** One request of an operator to any node. */
export async function operate(world: World): Promise<void> {
  const { chance, machines } = world
  const worker = workerOf(world, pick(chance, machines))
  const ring = worker?.app.ring.view?.ring
  if (worker === undefined || ring === undefined) return
  const token = pick(chance, [...ring.tokens, ...(ring.next ?? [])])
  const outside = machines.filter(({ name }) => !namesNode(ring, name))
  const add: Change = {
    kind: 'add',
    position: pick(chance, [token.position, Math.floor(chance() * 10_000), Math.floor(chance() * 10_000)]),
    node: pick(chance, [...machines, ...outside, ...outside]).name
  }
  const change = pick(chance, [
    add,
    add,
    { kind: 'remove', node: token.node, gone: false },
    { kind: 'remove', node: token.node, gone: false },
    { kind: 'remove-token', ...token },
    'abort'
  ] as const)
  await Promise.race([
    change === 'abort' ? propose(world, worker, 'aborts', abortChange) : ask(world, worker, change),
    world.time.sleep(PATIENCE_MS)
  ])
}

async function ask(world: World, { app, life }: Worker, change: Change): Promise<void> {
  try {
    await begin(app, change, life.timers)
    count(world, change.kind)
  } catch (error) {
    if (!(error instanceof KvError)) throw error
    if (error.code === 'KV_ERR_NODE_NOT_READY') count(world, 'not ready')
  }
}

async function propose(
  world: World,
  { app: { ringConsensus } }: Worker,
  what: string,
  next: (ring: Ring) => Ring
): Promise<void> {
  try {
    await ringConsensus.change(next)
    count(world, what)
  } catch (error) {
    if (!(error instanceof KvError)) throw error
  }
}

/**
 * A change and its contrary, one after the other: a ring has its old tokens again, while something may go on
 * that began under the first one.
 */
export async function thereAndBack(world: World): Promise<void> {
  const { chance, machines } = world
  const worker = workerOf(world, pick(chance, machines))
  const ring = worker?.app.ring.view?.ring
  if (worker === undefined || ring === undefined || ring.next !== undefined) return
  const token = pick(chance, ring.tokens)
  const others = machines.filter(({ name }) => name !== token.node)
  if (others.length === 0) return
  const there: Change = {
    kind: 'add',
    position: Math.floor(chance() * 10_000),
    node: pick(chance, others).name
  }
  await makeChanges(
    world,
    worker,
    chance() < 0.5
      ? [there, { ...there, kind: 'remove-token' }]
      : [
          { kind: 'remove-token', ...token },
          { kind: 'add', ...token }
        ]
  )
}

/** One change after the other. */
export async function makeChanges(world: World, worker: Worker, changes: readonly Change[]): Promise<void> {
  const { time } = world
  for (const change of changes) {
    await Promise.race([ask(world, worker, change), time.sleep(PATIENCE_MS)])
    for (let looks = 0; looks < 20 && worker.app.ring.view?.ring.next !== undefined; looks++) {
      await time.sleep(200)
    }
  }
  count(world, 'there and back')
}

/** Seeds a node as the operator seeded the others. It may be down, or refuse. */
export async function seed(world: World, machine: Machine): Promise<void> {
  for (let tries = 0; tries < 8; tries++) {
    try {
      const worker = workerOf(world, machine)
      if (
        worker !== undefined &&
        (await Promise.race([worker.keeper.seed(world.seed).then(() => true), world.time.sleep(5_000)])) ===
          true
      ) {
        return count(world, 'seeded')
      }
    } catch (error) {
      if (!(error instanceof KvError)) throw error
      if (error.code === 'KV_ERR_RING_CONFLICT') return
    }
    await world.time.sleep(300)
  }
}

/**
 * Seeds every node with the newest ring once more, as a new generation. Only where nobody changes the ring
 * meanwhile.
 */
export async function seedAnew(world: World): Promise<void> {
  const { tokens, replicas, generation } = newestRing(world)
  world.seed = { tokens, replicas, generation: Math.max(generation, world.seed.generation ?? 0) + 1 }
  await Promise.all(
    world.machines.map(async machine => {
      await world.time.sleep(world.chance() * 1_000)
      await seed(world, machine)
    })
  )
}

/** An operator removes every dead machine that is still on the ring. */
export async function bury(world: World): Promise<void> {
  const ring = newestRing(world)
  const dead = world.machines.find(
    machine =>
      machine.dead && [...ring.tokens, ...(ring.next ?? [])].some(({ node }) => node === machine.name)
  )
  const worker = workerOf(world, pick(world.chance, world.machines))
  if (dead === undefined || worker?.app.ring.view === undefined) return
  await Promise.race([
    propose(world, worker, 'forced', newest =>
      beginChange(newest, { kind: 'remove', node: dead.name, gone: true })
    ),
    world.time.sleep(PATIENCE_MS)
  ])
}

/** The newest ring that any machine has. */
export function newestRing({ machines }: World): Ring {
  return machines.flatMap(({ disk }) => disk.ring ?? []).reduce((a, b) => (compareRings(a, b) >= 0 ? a : b))
}
