// One process of a simulated node: the production coordinator, installed ring, register and voter, and between them what the plugins
// do in a real one: fencing, taking over rings, persisting ring and votes before anything depends on them.

import { KvError } from '../../src/errors.ts'
import { createCoordinator, type Coordinator } from '../../src/core/coordinator.ts'
import { FENCED, failed, type Failed, type Fenced, type GetResult, type MergeResult, type Replicas } from '../../src/core/ports.ts'
import { type Record } from '../../src/core/record.ts'
import { createRegister, type Register } from '../../src/core/register.ts'
import { adopts, compareRings, nodesOf, type Ring, type RingId } from '../../src/core/ring.ts'
import { createClock, type Clock } from '../../src/core/version.ts'
import { vote, type VoteAnswer, type VoteRequest } from '../../src/core/voter.ts'
import { createInstalledRing, type InstalledRing } from '../../plugins/ring/installed.ts'
import { createCopying, type Copying } from './ring-simulation-copying.ts'
import { createMemoryGuard, type MemoryGuard } from './ring-simulation-guard.ts'
import { createStorage, type SimulatedStorage } from './ring-simulation-storage.ts'
import { createLife, post, type Life } from './ring-simulation-wire.ts'
import { count, machineOf, noteRing, type Machine, type World } from './ring-simulation-world.ts'

interface Operation { readonly slot: number, readonly key: string, readonly record: Record | undefined }

type Answer = GetResult | MergeResult | Fenced

/** An operation, or none, under a ring; `offered`: that ring itself. */
interface Frame { readonly ring: RingId, readonly offered: Ring | undefined, readonly operation: Operation | undefined }

type Reply =
  | { readonly kind: 'served', readonly answer: Answer | undefined }
  | { readonly kind: 'ahead', readonly ring: Ring }
  | { readonly kind: 'behind' | 'foreign' }

export interface Process {
  readonly life: Life
  readonly storage: SimulatedStorage
  readonly installed: InstalledRing
  readonly clock: Clock
  readonly reads: Coordinator
  readonly writes: Coordinator
  readonly register: Register
  readonly copying: Copying
  readonly guard: MemoryGuard
  /** Of clients. */
  readonly requests: { inFlight: number }
  install (ring: Ring): Promise<void>
  serve (frame: Frame): Promise<Reply>
  vote (request: VoteRequest): Promise<VoteAnswer>
  greet (to: Machine): Promise<void>
  end (): void
}

/** Comes after every ring, so that whoever waits for one sees that it never comes. */
const LAST: Ring = { generation: 2 ** 47, epoch: 1, replicas: 1, tokens: [{ position: 0, node: 'none:1' }] }

const START_MS = Date.UTC(2026, 0, 1)

/** Starts a process with what is on the machine's disk and shelf. */
export function startProcess (world: World, machine: Machine): Process {
  const life = createLife(world, machine)
  const installed = createInstalledRing()
  const storage = createStorage(world, machine, life)
  const clock = createClock(() => Math.floor(START_MS + world.time.nowMs + machine.skewMs), Math.floor(world.chance() * 2 ** 48))
  const keeper = createKeeper(world, machine, { life, installed, inForce: ring => process.copying.inForce(ring), adopt: (ring, before) => process.guard.adopt(ring, before) })
  const local = createLocalReplica(world, machine, life, installed, storage)
  const { exchange, serve } = createExchange(world, machine, installed, keeper.install, local)
  const send = (node: string, ring: RingId, operation: Operation) => node === machine.name ? local(ring, operation) : exchange(machineOf(world, node), ring, operation)
  const port: Replicas = {
    get: (node, ring, slot, key) => send(node, ring, { slot, key, record: undefined }) as Promise<GetResult | Fenced>,
    merge: (node, ring, slot, key, record) => send(node, ring, { slot, key, record }) as Promise<MergeResult | Fenced>
  }
  const greet = async (to: Machine) => {
    if (to !== machine && installed.view !== undefined) await exchange(to, installed.view.ring, undefined)
  }
  const register = createRegister({
    present: () => installed.view?.ring,
    ask: (node, request) => ask(world, machine, keeper.vote, node, request),
    install: keeper.install,
    announce: async (after, before) => {
      await Promise.all([...new Set([...nodesOf(after), ...nodesOf(before)])].map(node => greet(machineOf(world, node))))
    },
    pause: life.sleep,
    random: world.chance
  })
  const copying = createCopying(world, machine, { life, installed, storage, register, install: keeper.install })
  const guard = createMemoryGuard(world, machine, { life, register, copying, present: () => installed.view?.ring })
  const process: Process = {
    life,
    storage,
    installed,
    clock,
    register,
    copying,
    guard,
    requests: { inFlight: 0 },
    ...createCoordinators(world, port, installed, clock),
    install: keeper.install,
    serve,
    vote: keeper.vote,
    greet,
    end () {
      life.end()
      installed.switchTo(LAST).catch(() => {})
    }
  }

  machine.process = process
  keeper.start()
  gossip(world, process)
  return process
}

function createCoordinators (world: World, port: Replicas, plans: InstalledRing, clock: Clock): { reads: Coordinator, writes: Coordinator } {
  const { coordinator = createCoordinator, readPort = same } = world.faults
  return { reads: coordinator({ plans, replicas: readPort(port), clock }), writes: coordinator({ plans, replicas: port, clock }) }
}

function same<T> (it: T): T {
  return it
}

interface KeeperPorts {
  readonly life: Life
  readonly installed: InstalledRing
  inForce (ring: Ring): void
  adopt (ring: Ring, before: Ring | undefined): void
}

/** Keeps ring and votes, as the keeper of a node does: one thing after the other. */
function createKeeper (world: World, machine: Machine, { life, installed, inForce, adopt }: KeeperPorts) {
  const { disk } = machine
  const { chance, faults } = world
  let ring: Ring | undefined
  let last: Promise<unknown> = Promise.resolve()
  let votes = disk.votes ?? { life: Math.floor(chance() * 2 ** 48), forgetful: true }

  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const turn = last.then(action)
    last = turn.catch(() => {})
    return turn
  }

  async function switchTo (newer: Ring): Promise<void> {
    const before = ring
    ring = newer
    noteRing(world, newer)
    adopt(newer, before)
    const drained = installed.switchTo(newer)
    if (!faults.noDrain) await drained
    if (!life.alive) return
    installed.serve(newer)
    count(world, newer.next === undefined ? 'stable rings in force' : 'joint rings in force')
    inForce(newer)
  }

  async function takeOver (newer: Ring): Promise<void> {
    if (ring !== undefined && compareRings(newer, ring) <= 0) return
    if (!adopts(machine.name, ring, newer)) throw new KvError('KV_ERR_RING_CONFLICT')
    await life.sleep(chance() * world.weather.storageMs)
    disk.ring = newer
    await switchTo(newer)
  }

  return {
    start (): void {
      const known = disk.ring
      if (known !== undefined) inTurn(() => switchTo(known)).catch(error => world.violations.push(String(error)))
    },
    install: (newer: Ring) => inTurn(() => takeOver(newer)),
    vote: (request: VoteRequest) => inTurn(async (): Promise<VoteAnswer> => {
      await takeOver(request.present)
      if (ring !== undefined && compareRings(ring, request.present) > 0) return { kind: 'ahead', ring }
      const { votes: next, answer } = vote(votes, request)
      await life.sleep(chance() * world.weather.storageMs)
      if (!faults.votesForgotten) disk.votes = next
      votes = next
      return answer
    })
  }
}

async function ask (world: World, machine: Machine, own: (request: VoteRequest) => Promise<VoteAnswer>, node: string, request: VoteRequest): Promise<VoteAnswer> {
  try {
    const answer = await (node === machine.name ? own(request) : post(world, machine, machineOf(world, node), server => server.vote(request).catch((): VoteAnswer => ({ kind: 'silent' }))))
    return answer.kind === 'failed' ? { kind: 'silent' } : answer
  } catch (error) {
    if (!(error instanceof KvError)) throw error
    return { kind: 'silent' }
  }
}

/** This node's own replica, as `plugins/replica` has it. */
function createLocalReplica (world: World, machine: Machine, life: Life, installed: InstalledRing, storage: SimulatedStorage) {
  return async (id: RingId, { slot, key, record }: Operation): Promise<Answer> => {
    const answer = await installed.within<GetResult | MergeResult>(world.faults.unfenced ? installed.view?.ring ?? id : id, async view => {
      if (!view.placement.replicates(machine.name, slot)) return failed('not-replica')
      const memory = storage.memory
      const result = await (record === undefined ? storage.get(key) : storage.merge(key, record))
      return memory === 0 || storage.memory !== memory ? failed('recovering') : result
    })
    // What waits in a process that ends goes with it.
    return life.alive ? answer ?? FENCED : new Promise(() => {})
  }
}

/** Operations for other nodes under a fence, as `plugins/peers` has them: whoever is behind learns the newer ring. */
function createExchange (world: World, machine: Machine, installed: InstalledRing, install: (ring: Ring) => Promise<void>, local: ReturnType<typeof createLocalReplica>) {
  const frame = (to: Machine, message: Frame): Promise<Reply | Failed> => post(world, machine, to, server => server.serve(message))

  async function exchange (to: Machine, ring: RingId, operation: Operation | undefined): Promise<Answer> {
    let reply = await frame(to, { ring, offered: undefined, operation })
    const mine = installed.view?.ring
    if (reply.kind === 'behind' && mine !== undefined) {
      reply = await frame(to, { ring: mine, offered: mine, operation: compareRings(mine, ring) === 0 ? operation : undefined })
    }
    if (reply.kind === 'failed') return reply
    if (reply.kind === 'foreign') return failed('unreachable')
    if (reply.kind === 'ahead') {
      count(world, 'fenced')
      await install(reply.ring)
    }
    return reply.kind === 'served' ? reply.answer ?? FENCED : FENCED
  }

  async function serve ({ ring: id, offered, operation }: Frame): Promise<Reply> {
    const present = installed.view?.ring
    const order = present === undefined ? -1 : compareRings(present, id)
    if (order > 0 && !world.faults.unfenced) return { kind: 'ahead', ring: present as Ring }
    if (order < 0) {
      if (offered === undefined) return { kind: 'behind' }
      if (!adopts(machine.name, present, offered)) return { kind: 'foreign' }
      await install(offered)
    }
    return { kind: 'served', answer: operation && await local(id, operation) }
  }

  return { exchange, serve }
}

/** Tells a random other node now and then which ring this one has. */
async function gossip (world: World, process: Process): Promise<void> {
  for (;;) {
    await process.life.sleep(150 + world.chance() * 250)
    const ring = process.installed.view?.ring
    const others = ring === undefined ? [] : nodesOf(ring).map(node => machineOf(world, node)).filter(other => other.process !== process)
    if (others.length > 0) await process.greet(others[Math.floor(world.chance() * others.length)] as Machine)
  }
}
