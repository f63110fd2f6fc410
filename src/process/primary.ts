// The primary process: it keeps the ring, forks the workers, replaces those that die, and stops them all. It
// serves no HTTP.

import cluster, { type Worker } from 'node:cluster'
import { type Logger } from 'pino'
import { createMemcachedRingRecord } from '../storage/memcached/ring-record.ts'
import { createKeeper, type NodeKeeper } from '../keeper/keeper.ts'
import { type WorkerHandle } from '../keeper/workers.ts'
import { type Config } from './config.ts'
import { startDeadline } from '../core/quorum/deadline.ts'
import {
  callsOver,
  handlersOf,
  KEEPER_CALLS,
  WORKER_CALLS,
  type KeeperCalls,
  type WorkerCalls
} from './calls.ts'
import { createIpc } from './ipc.ts'
import { STOP_DEADLINE_MS } from '../limits.ts'
import { RESPAWN_MIN_MS, WORKER_START_MS } from '../core/processes/limits.ts'
import { createLog, exitWhenTold, hasOpenPort, stateFilesOf, warnOfConfig } from './lifecycle.ts'
import { respawnPauseMs } from '../core/processes/respawn.ts'
import { readTls } from './tls.ts'

export async function runPrimary(config: Config): Promise<void> {
  const log = createLog(config)
  warnOfConfig(config, log)
  // Workers read it; what is wrong with it is told once, and here.
  readTls(config.tls)
  // Workers accept for themselves. A connection that the primary hands to a worker which dies before it takes
  // it would hang for ever.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  const record = createMemcachedRingRecord({ address: config.memcached })
  const keeper = createKeeper({
    node: config.node,
    files: stateFilesOf(config),
    record,
    log,
    nowMs: Date.now
  })
  await keeper.start()
  const workers = startWorkers(config.workers, keeper, log)
  exitWhenTold(log, async () => {
    await workers.stop()
    await keeper.close()
  })
}

/** Keeps `size` workers running until it is stopped. */
function startWorkers(size: number, keeper: NodeKeeper, log: Logger): { stop(): Promise<void> } {
  const listening = new Set<Worker>()
  let hasListened = false
  let stopping = false
  let pauseMs = RESPAWN_MIN_MS

  function spawn(): void {
    const bornMs = performance.now()
    const worker = cluster.fork()
    // Once it has joined, the keeper watches over it.
    const joined = startDeadline(WORKER_START_MS, () => {
      log.error({ worker: worker.process.pid }, 'a worker did not get ready in time and was ended')
      worker.process.kill('SIGKILL')
    })
    const handle = handleOf(worker, keeper, log, { joined, cannotListen })
    worker.on('listening', () => {
      listening.add(worker)
      hasListened = true
    })
    worker.on('exit', (code, signal) => {
      joined()
      keeper.removeWorker(handle)
      listening.delete(worker)
      if (stopping) return
      replace(performance.now() - bornMs, { worker: worker.process.pid, code, signal })
      if (hasOpenPort(process.env) && listening.size === 0) leaveToSystemd(log)
    })
    worker.on('error', error => {
      // What could not be sent to a worker that has just died: its exit follows. Where no process came about,
      // none does.
      if (worker.process.pid !== undefined) return
      joined()
      replace(0, { err: error })
    })
  }

  /**
   * A worker cannot listen, and will end. An address that has never worked is a mistake to be told; one that
   * has worked is short of something, and tried again.
   */
  function cannotListen(message: string): void {
    if (hasListened) return log.error({ reason: message }, 'a worker cannot listen')
    process.stderr.write(`ringkeep: ${message}\n`)
    process.exit(1)
  }

  /** Starts another worker after a pause, in place of one that lived for so long. */
  function replace(livedMs: number, why: object): void {
    pauseMs = respawnPauseMs(livedMs, pauseMs)
    log.warn({ ...why, pauseMs }, 'a worker ended and will be replaced')
    setTimeout(() => {
      if (stopping) return
      try {
        spawn()
      } catch (error) {
        replace(0, { err: error })
      }
    }, pauseMs)
  }

  async function stop(): Promise<void> {
    stopping = true
    const workers = Object.values(cluster.workers ?? {}).filter(worker => worker !== undefined)
    const exits = workers.map(
      worker =>
        new Promise<void>(resolve => {
          worker.on('exit', () => resolve())
          if (worker.isDead()) resolve()
        })
    )
    for (const worker of workers) worker.process.kill('SIGTERM')
    const killer = setTimeout(() => {
      for (const worker of workers) worker.process.kill('SIGKILL')
    }, STOP_DEADLINE_MS - 1000)
    await Promise.all(exits)
    clearTimeout(killer)
  }

  for (let i = 0; i < size; i++) spawn()
  return { stop }
}

/**
 * A port that was passed is closed here when the last worker that listens on it ends, though others may be
 * about to listen; systemd still has it, and passes it to the next process.
 */
function leaveToSystemd(log: Logger): void {
  log.error(
    'no worker is left that listens on the port which systemd has passed; systemd is to start this node again'
  )
  process.exit(1)
}

/** A worker as the keeper sees it, over IPC. */
function handleOf(
  worker: Worker,
  keeper: NodeKeeper,
  log: Logger,
  { joined, cannotListen }: { joined(): void; cannotListen(reason: string): void }
): WorkerHandle {
  const ipc = createIpc(
    {
      send: message => worker.isConnected() && worker.send(message),
      onMessage: listener => {
        worker.on('message', listener)
      },
      onGone: listener => {
        worker.on('exit', listener)
      }
    },
    handlersOf<KeeperCalls>(KEEPER_CALLS, {
      ...keeper,
      join() {
        joined()
        return keeper.addWorker(handle)
      },
      async cannotListen(reason) {
        cannotListen(reason)
      },
      async beat() {}
    }),
    log
  )
  const calls = callsOver<WorkerCalls>(ipc, WORKER_CALLS)
  const handle: WorkerHandle = {
    ...calls,
    // A worker that does not hear this or the next is gone or about to be ended.
    serve: id => {
      calls.serve(id).catch(() => {})
    },
    recheck: () => calls.recheck().catch(() => {}),
    isNew: ring => calls.isNew(ring).catch(() => false),
    fetch: (ring, forgotten) => calls.fetch({ ring, forgotten }),
    kill: () => {
      worker.process.kill('SIGKILL')
    }
  }
  return handle
}
