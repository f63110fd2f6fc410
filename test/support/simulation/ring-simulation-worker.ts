// One worker process of a simulated node: the production code of coordinator, installed ring, replica,
// register, exchange, copying and changes, put together as `src/app.ts` does it, over a simulated network and
// storage.

import { type FastifyInstance } from 'fastify'
// The decorators of all plugins are known to the compiler from here.
import type {} from '../../../src/app.ts'
import { createSeeding, isNewHere } from '../../../plugins/changes/seeding.ts'
import { whenTidy } from '../../../plugins/changes/tidy.ts'
import { createCopying } from '../../../plugins/migration/index.ts'
import { openSource, type Source } from '../../../plugins/migration/source.ts'
import { createServer } from '../../../plugins/peers/serve.ts'
import { createNodeConsensus } from '../../../plugins/consensus/index.ts'
import { createReplica } from '../../../plugins/replica/index.ts'
import { createInstalledRing } from '../../../plugins/ring/installed.ts'
import { type Keeper } from '../../../src/keeper/keeper.ts'
import { createCoordinator, type Coordinator } from '../../../src/core/quorum/coordinator.ts'
import { digestOf } from '../../../src/core/ring/digest.ts'
import { type Ranges } from '../../../src/core/copying/fetching.ts'
import { compareRings, nodesOf, type Ring } from '../../../src/core/ring/ring.ts'
import { parseRing } from '../../../src/core/ring/ring-json.ts'
import { answerToText, parseRequest } from '../../../src/core/consensus/voter.ts'
import { createClock } from '../../../src/core/pairs/version.ts'
import { type FrameReply, type FrameRequest } from '../../../src/core/messages/frame.ts'
import { KvError } from '../../../src/errors.ts'
import { GOSSIP_AFTER_MS, GOSSIP_MS } from '../../../plugins/peers/limits.ts'
import { createChannels } from './ring-simulation-channel.ts'
import { createStorage, type SimulatedStorage } from './ring-simulation-storage.ts'
import { logOf } from './ring-simulation-trace.ts'
import { createLife, type Life } from './ring-simulation-wire.ts'
import { wallMs, type Machine, type World } from './ring-simulation-world.ts'

/** What the decorators of the application are in a simulated process. */
export type App = Pick<
  FastifyInstance,
  | 'ring'
  | 'storage'
  | 'coordinator'
  | 'replica'
  | 'peers'
  | 'ringConsensus'
  | 'copying'
  | 'seeding'
  | 'pace'
  | 'clock'
  | 'log'
>

export interface Worker {
  readonly life: Life
  readonly app: App
  readonly storage: SimulatedStorage
  readonly reads: Coordinator
  readonly writes: Coordinator
  /** Requests of clients that are under way. */
  readonly requests: { inFlight: number }
  readonly keeper: Keeper
  /** Handles a frame of another node. */
  serve(request: FrameRequest): Promise<FrameReply>
  /** Handles a request of another node that is no frame. */
  answer(path: string, body: object): Promise<string>
  open(ring: Ring, ranges: Ranges): Promise<Source>
}

export function createWorker(world: World, machine: Machine, keeperOf: (life: Life) => Keeper): Worker {
  const { faults } = world
  const life = createLife(world, machine)
  const keeper = keeperOf(life)
  const installed = createInstalledRing(life.timers)
  const storage = createStorage(world, machine, life)
  const plain = {
    storage: {
      ...storage,
      get incarnation() {
        return storage.incarnation
      },
      get trustedUntilMs() {
        return storage.trustedUntilMs
      },
      ...faults.storage?.(storage, () => wallMs(world, machine))
    },
    ring: Object.assign(installed, {
      node: machine.name,
      install: keeper.install,
      isBehind: () => false,
      hasKeeper: () => true
    }),
    clock: createClock(() => wallMs(world, machine), Math.floor(world.chance() * 2 ** 48)),
    pace: { observe() {}, restMs: () => 0, share: 1 },
    log: logOf(world, machine.name)
  }
  const replica = createReplica(plain)
  const peers = createChannels(world, machine, life, { ...plain, replica })
  const withPeers = { ...plain, replica, peers }
  const register = createNodeConsensus(withPeers, keeper, life.timers, world.chance)
  const ringConsensus = {
    ...register,
    change: (next: (present: Ring) => Ring) =>
      register.change(
        faults.decided === undefined ? next : present => faults.decided?.(present, next(present)) as Ring
      )
  }
  const { coordinator = createCoordinator, readPort = port => port } = faults
  const ports = {
    ...withPeers,
    ringConsensus,
    coordinator: createCoordinator({ plans: installed, replicas: peers, clock: plain.clock })
  }
  const app: App = {
    ...ports,
    seeding: createSeeding(withPeers, life.timers),
    copying: createCopying(faults.copying?.(ports) ?? ports, keeper, life.timers)
  }
  const serve = createServer({ ...app, wallMs: app.clock.wallMs, split() {} })
  const worker: Worker = {
    life,
    app,
    storage,
    keeper,
    reads: coordinator({ plans: installed, replicas: readPort(peers), clock: app.clock }),
    writes: coordinator({ plans: installed, replicas: peers, clock: app.clock }),
    requests: { inFlight: 0 },
    // Where it is unfenced, an operation is served whatever ring it was planned by.
    serve: request =>
      serve(
        faults.unfenced && installed.view !== undefined && compareRings(request.ring, installed.view.ring) < 0
          ? { ...request, ring: installed.view.ring, digest: digestOf(installed.view.ring) }
          : request
      ),
    answer: (path, body) => answer(app, keeper, life, path, body),
    open: (ring, ranges) => openSource(app, ring, ranges)
  }
  life.timers.every(GOSSIP_MS * (0.8 + 0.4 * world.chance()), () => gossip(world, worker))
  return worker
}

async function answer(app: App, keeper: Keeper, life: Life, path: string, body: object): Promise<string> {
  const { ring, vote } = body as { readonly ring?: object; readonly vote?: string }
  switch (path) {
    case '/internal/vote':
      return answerToText(await keeper.vote(parseRequest(vote as string)))
    case '/internal/tidy':
      return JSON.stringify(await whenTidy(app, keeper, parseRing(JSON.stringify(ring)), life.timers))
    case '/internal/new':
      return JSON.stringify({ isNew: await isNewHere(app, keeper, parseRing(JSON.stringify(ring))) })
    default:
      throw new KvError('KV_ERR_INTERNAL', path)
  }
}

/** Tells a random other node now and then which ring this one has. */
function gossip({ chance, time }: World, { app: { ring, peers } }: Worker): void {
  const { view } = ring
  if (view === undefined || (view.ring.epoch === 1 && time.nowMs < GOSSIP_AFTER_MS)) return
  const others = nodesOf(view.ring).filter(node => node !== ring.node)
  if (others.length > 0) {
    peers
      .channel(others[Math.floor(chance() * others.length)] as string)
      .greet()
      .catch(() => {})
  }
}

/** A worker of a machine that takes requests now. */
export function workerOf({ chance }: World, machine: Machine): Worker | undefined {
  const workers = machine.node?.workers ?? []
  return workers[Math.floor(chance() * workers.length)]
}
