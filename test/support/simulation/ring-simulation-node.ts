// The primary process of a simulated node, with the production keeper, guard, duties, votes and team; it
// starts workers, and others for those that end.

import { createKeeper, type Keeper, type NodeKeeper } from '../../../src/keeper/keeper.ts'
import { type WorkerHandle } from '../../../src/keeper/workers.ts'
import { type StateFiles } from '../../../src/keeper/state-file.ts'
import { createPlacement } from '../../../src/core/ring/placement.ts'
import { KvError } from '../../../src/errors.ts'
import { IPC_DEADLINE_MS, PROPOSAL_DEADLINE_MS } from '../../../src/limits.ts'
import { RESPAWN_MIN_MS } from '../../../src/core/processes/limits.ts'
import { createRecord } from './ring-simulation-storage.ts'
import { logOf } from './ring-simulation-trace.ts'
import { createLife, type Life } from './ring-simulation-wire.ts'
import { count, noteRing, wallMs, type Machine, type World } from './ring-simulation-world.ts'
import { createWorker, type Worker } from './ring-simulation-worker.ts'

export interface Node {
  readonly life: Life
  readonly keeper: NodeKeeper
  /** Those that listen. */
  readonly workers: Worker[]
}

/** How long a message between two processes of a node takes. */
const IPC_MS = 0.5

/** Starts the processes of a node with what is on its disk. */
export function startNode(world: World, machine: Machine): Node {
  const life = createLife(world, machine)
  const clock = { frozenMs: undefined as number | undefined }
  const record = createRecord(world, machine, life)
  const keeper = createKeeper({
    node: machine.name,
    files: filesOf(world, machine, life),
    record: world.faults.record?.(record) ?? record,
    log: logOf(world, machine.name),
    nowMs: () => clock.frozenMs ?? wallMs(world, machine),
    timers: life.timers
  })
  const workers: Worker[] = []

  function spawn(): void {
    if (!life.alive) return
    const worker = createWorker(world, machine, itsLife => keeperOver(world, itsLife, life, keeper))
    const port = portOf(world, life, worker, clock, machine)
    const callOff = life.onEnd(() => worker.life.end())
    worker.life.onEnd(() => {
      callOff()
      if (workers.includes(worker)) workers.splice(workers.indexOf(worker), 1)
      life.wake(() => keeper.removeWorker(port))
      life.timers.after(RESPAWN_MIN_MS + world.chance() * 200, spawn)
    })
    across(world, worker.life, life, () => keeper.addWorker(port)).then(
      () => {
        if (worker.life.alive) workers.push(worker)
      },
      () => worker.life.end()
    )
  }

  keeper.start().then(
    () => {
      for (let i = 0; i < machine.workers; i++) spawn()
    },
    error => world.violations.push(String(error))
  )
  return { life, keeper, workers }
}

function filesOf(world: World, machine: Machine, life: Life): StateFiles {
  const { disk } = machine
  const toDisk = () => life.sleep(world.chance() * world.weather.storageMs)
  return {
    ring: {
      read: async () => disk.ring,
      async write(ring) {
        await toDisk()
        disk.ring = ring
        count(world, ring.next === undefined ? 'stable rings in force' : 'joint rings in force')
        noteRing(world, machine, ring)
      }
    },
    votes: {
      read: async () => disk.votes,
      async write(votes) {
        await toDisk()
        if (!world.faults.votesForgotten) disk.votes = votes
        world.moment(votes.accepted?.ballot === votes.promised ? 'accepted' : 'promised', machine)
      }
    }
  }
}

/** Has another process of the node do something; rejects when that one ends, or takes too long. */
function across<T>(
  world: World,
  from: Life,
  to: Life,
  action: () => Promise<T>,
  deadlineMs = IPC_DEADLINE_MS
): Promise<T> {
  const { time } = world
  return new Promise((resolve, reject) => {
    const refuse = (why: string) => reject(new KvError('KV_ERR_INSTALL', why))
    const callOff =
      deadlineMs === Infinity ? () => {} : from.timers.after(deadlineMs, () => refuse('took too long'))
    const forget = to.onEnd(() => from.wake(() => refuse('the other process is gone')))
    const back = (settle: () => void) => {
      time.after(IPC_MS, () =>
        from.wake(() => {
          callOff()
          forget()
          settle()
        })
      )
    }
    time.after(IPC_MS, () =>
      to.wake(() => {
        action().then(
          result => back(() => resolve(result)),
          error => back(() => reject(error))
        )
      })
    )
  })
}

/** A worker as the keeper sees it, as `handleOf` in `src/process/primary.ts`. */
function portOf(
  world: World,
  life: Life,
  { app, life: worker }: Worker,
  clock: { frozenMs: number | undefined },
  machine: Machine
): WorkerHandle {
  const { faults } = world
  const ask = <T>(action: () => Promise<T>, deadlineMs?: number) =>
    across(world, life, worker, action, deadlineMs)
  return {
    switchTo: ring =>
      ask(async () => {
        const drained = app.ring.switchTo(ring)
        if (!faults.noDrain) await drained
        await app.storage.recheck()
      }),
    serve: id => {
      ask(async () => {
        app.ring.serve(id)
        if (faults.purgesEarly) await purgeEarly(app)
      }).catch(() => {})
    },
    recheck: () => ask(() => app.storage.recheck()).catch(() => {}),
    isNew: ring =>
      faults.seedsCount ? Promise.resolve(true) : ask(() => app.seeding.isNew(ring)).catch(() => false),
    async fetch(ring, forgotten) {
      // As if nobody looked at the clock while a look at the other replicas is under way.
      if (faults.looksOutlastTrust && !forgotten) clock.frozenMs = wallMs(world, machine)
      try {
        return await ask(() => app.copying.fetch(ring, forgotten), Infinity)
      } finally {
        // What the keeper makes of it comes first.
        if (!forgotten) {
          world.time.after(0, () => {
            clock.frozenMs = undefined
          })
        }
      }
    },
    renew: ring => ask(() => app.ringConsensus.renew(ring), PROPOSAL_DEADLINE_MS),
    receive: ring => ask(() => app.copying.receive(ring), Infinity),
    purge: ring => ask(() => app.copying.purge(ring), Infinity),
    ...(machine.watched && { beat: () => ask(async () => {}, Infinity) }),
    kill: () => {
      count(world, 'workers killed')
      worker.end()
    }
  }
}

/** A source purges what it is to give up as soon as the change begins. */
async function purgeEarly({ ring: { view, node, within }, storage }: Worker['app']): Promise<void> {
  if (view?.ring.next === undefined) return
  const { replicates } = createPlacement({ ...view.ring, tokens: view.ring.next })
  await storage.purge(
    slot => !replicates(node, slot),
    batch => within(view.ring, batch)
  )
}

/** The keeper as a worker sees it, as in `src/process/worker.ts`. */
function keeperOver(world: World, worker: Life, life: Life, keeper: NodeKeeper): Keeper {
  const ask = <T>(action: () => Promise<T>) => across(world, worker, life, action)
  return {
    install: ring => ask(() => keeper.install(ring)),
    seed: seed => ask(() => keeper.seed(seed)),
    vote: request => ask(() => keeper.vote(request)),
    isNew: ring => ask(() => keeper.isNew(ring)),
    waitsFor: () => ask(() => keeper.waitsFor()),
    isTidy: () => ask(() => keeper.isTidy()),
    progress: () => ask(() => keeper.progress()),
    async report() {},
    answers: true
  }
}
