// What happens to a simulated cluster from outside: operators who change the ring, and faults. No more memory is lost than the promise
// bears: where every key has three replicas or more, one node's at a time, and the next one's only when that one has recovered.

import { KvError } from '../../src/errors.ts'
import { abortChange, beginChange, type Change } from '../../src/core/change.ts'
import { createPlacement } from '../../src/core/placement.ts'
import { compareRings, namesNode, type Ring } from '../../src/core/ring.ts'
import { startProcess, type Process } from './ring-simulation-process.ts'
import { LONGEST_STORAGE_MS } from './ring-simulation-storage.ts'
import { post } from './ring-simulation-wire.ts'
import { count, machineOf, pick, type Machine, type World } from './ring-simulation-world.ts'

/** How long operators and faults are at work. */
const STORM_MS = 1_800

/** Plans everything that operators and faults do in a run; resolves when all of it is over. */
export async function brew (world: World): Promise<void> {
  const { chance } = world
  const repeat = (most: number, action: () => Promise<void>) => Array.from({ length: Math.floor(chance() * (most + 1)) }, async () => {
    await world.time.sleep(chance() * STORM_MS)
    await action()
  })
  const faults = pick(chance, [[], [partition, pause, restart, skew], [forget, loseAll, restart, partition, pause], [forget, loseAll], [die, die, partition, restart], [partition]])
  await Promise.all([
    ...repeat(14, () => operate(world)),
    ...repeat(pick(chance, [0, 0, 5]), () => rival(world)),
    ...faults.length === 0 ? [] : repeat(8, () => pick(chance, faults)(world))
  ])
}

/** Operators who ask different nodes for different things at the same time, and a cluster that falls apart meanwhile. */
async function rival (world: World): Promise<void> {
  const { chance, time } = world
  const soon = async (action: () => Promise<void>) => {
    await time.sleep(chance() * 60)
    await action()
  }
  await Promise.all([1, 2, 3].map(() => soon(() => operate(world))).concat([partition, restart, restart].map(fault => soon(() => fault(world)))))
}

/** One request of an operator to any node. */
async function operate (world: World): Promise<void> {
  const { chance, machines } = world
  const process = pick(chance, machines).process
  const ring = process?.installed.view?.ring
  if (process === undefined || ring === undefined) return
  const token = pick(chance, [...ring.tokens, ...ring.next ?? []])
  const outside = machines.filter(({ name }) => !namesNode(ring, name))
  const add: Change = { kind: 'add', position: pick(chance, [token.position, Math.floor(chance() * 10_000), Math.floor(chance() * 10_000)]), node: pick(chance, [...machines, ...outside, ...outside]).name }
  const change = pick(chance, [add, add, { kind: 'remove', node: token.node, gone: false }, { kind: 'remove', node: token.node, gone: false }, { kind: 'remove-token', ...token }, 'abort'] as const)
  // Whoever asks gives up after a while; what was asked for goes on.
  await Promise.race([change === 'abort' ? propose(world, process, 'aborts', abortChange) : begin(world, process, change), world.time.sleep(1_000)])
}

/** As `plugins/changes` begins a change: the receivers must be ready first. */
async function begin (world: World, process: Process, change: Change): Promise<void> {
  const present = process.installed.view?.ring as Ring
  try {
    const wanted = beginChange(present, change)
    if (wanted === present) return
    for (const node of change.kind === 'remove' && change.gone ? [] : wanted.pending ?? []) {
      const answer = await post(world, machineOfProcess(world, process), machineOf(world, node), async server => {
        await server.install(present)
        for (let looks = 0; looks < 5 && !isReady(server); looks++) await server.life.sleep(20)
        return { kind: isReady(server) ? 'ready' as const : 'not ready' as const }
      })
      if (answer.kind !== 'ready') return count(world, 'not ready')
    }
  } catch (error) {
    if (!(error instanceof KvError)) throw error
    return
  }
  await propose(world, process, change.kind, newest => beginChange(newest, change))
}

const isReady = ({ storage, copying }: Process) => storage.memory !== 0 && copying.tidy

function machineOfProcess ({ machines }: World, process: Process): Machine {
  return machines.find(machine => machine.process === process) ?? machines[0] as Machine
}

async function propose (world: World, { register }: Process, what: string, next: (ring: Ring) => Ring): Promise<void> {
  try {
    await register.change(next)
    count(world, what)
  } catch (error) {
    if (!(error instanceof KvError)) throw error
  }
}

type Fault = (world: World) => Promise<void>

const partition: Fault = async ({ chance, machines, time }) => {
  for (const machine of machines) machine.group = Math.floor(chance() * 2)
  await time.sleep(chance() * 500)
  for (const machine of machines) machine.group = 0
}

const pause: Fault = async ({ chance, machines, time }) => {
  pick(chance, machines).stillUntilMs = time.nowMs + chance() * 400
}

const skew: Fault = async ({ chance, machines }) => {
  pick(chance, machines).skewMs = (chance() - 0.5) * 3_000
}

function stop (world: World, machine: Machine): void {
  count(world, 'crashes')
  machine.process?.end()
  machine.process = undefined
}

/** Ends the process and starts another after a while; by then what the storage was sent has taken effect. */
async function crash (world: World, machine: Machine): Promise<void> {
  if (machine.process === undefined) return
  stop(world, machine)
  await world.time.sleep(LONGEST_STORAGE_MS + 10 + world.chance() * 300)
  if (!world.over) startProcess(world, machine)
}

const restart: Fault = world => crash(world, pick(world.chance, world.machines))

function empty ({ shelf }: Machine): void {
  shelf.pairs.clear()
  shelf.mark = 'none'
  shelf.losses++
}

/** The storage comes back empty, in half of all cases together with the process. */
const forget: Fault = async world => {
  const machine = pick(world.chance, world.machines)
  if (machine.process === undefined || !canLose(world, machine)) return
  count(world, 'memory losses')
  empty(machine)
  if (world.chance() < 0.5) return crash(world, machine)
  await world.time.sleep(world.chance() * 40)
  machine.process?.guard.look()
}

/** The machine is replaced by an empty one of the same name. */
const loseAll: Fault = async world => {
  const machine = pick(world.chance, world.machines)
  if (machine.process === undefined || !canLose(world, machine)) return
  count(world, 'total losses')
  machine.disk.ring = machine.disk.votes = undefined
  empty(machine)
  await crash(world, machine)
}

/** A machine dies for good, and sooner or later an operator says so. */
const die: Fault = async world => {
  const machine = pick(world.chance, world.machines)
  if (machine.process === undefined || !canLose(world, machine)) return
  count(world, 'deaths')
  stop(world, machine)
  machine.dead = true
  await world.time.sleep(world.chance() * 400)
  await bury(world)
}

/** An operator removes every dead machine that is still on the ring. */
export async function bury (world: World): Promise<void> {
  const ring = newestRing(world)
  const dead = world.machines.find(machine => machine.dead && [...ring.tokens, ...ring.next ?? []].some(({ node }) => node === machine.name))
  const process = pick(world.chance, world.machines).process
  if (dead === undefined || process?.installed.view === undefined) return
  await Promise.race([propose(world, process, 'forced', newest => beginChange(newest, { kind: 'remove', node: dead.name, gone: true })), world.time.sleep(1_000)])
}

/** The newest ring that any machine has. */
export function newestRing ({ machines }: World): Ring {
  return machines.flatMap(({ disk }) => disk.ring ?? []).reduce((a, b) => compareRings(a, b) >= 0 ? a : b)
}

/** True if the machine may lose its memory: no other has lost any that it lacks, and every key has at least two more replicas. */
function canLose (world: World, machine: Machine): boolean {
  const ring = newestRing(world)
  if (ring.gone !== undefined || !namesNode(ring, machine.name)) return false
  if (world.machines.some(({ dead, shelf, disk, name }) => (dead && namesNode(ring, name)) || (!dead && shelf.mark !== 'ring' && (disk.ring !== undefined || shelf.losses > 0)))) return false
  const { plan } = createPlacement(ring)
  return [...ring.tokens, ...ring.next ?? []].every(({ position }) => plan(position).sets.every(({ members }) => members.length >= 3))
}
