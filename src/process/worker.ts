// A worker process: the application, with the primary for its keeper. Workers are equal, and each may end at
// any time.

import { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { createMemcachedStorage } from '../storage/memcached/storage.ts'
import { type Keeper } from '../keeper/keeper.ts'
import { type Config } from './config.ts'
import { watch } from '../core/processes/watch.ts'
import {
  callsOver,
  handlersOf,
  KEEPER_CALLS,
  WORKER_CALLS,
  type KeeperCalls,
  type WorkerCalls
} from './calls.ts'
import { createIpc, type IpcEnd } from './ipc.ts'
import { PRIMARY_SILENT_MS } from '../core/processes/limits.ts'
import { createLog, createNodeApp, exitWhenTold, listen, takeRing } from './lifecycle.ts'

const parentEnd: IpcEnd = {
  // If the primary has just died, the end of the channel follows; without a callback Node would throw.
  send: message => process.connected && process.send?.(message, undefined, undefined, () => {}),
  onMessage: listener => {
    process.on('message', listener)
  },
  onGone: listener => {
    process.on('disconnect', listener)
  }
}

export async function runWorker(config: Config): Promise<void> {
  const log = createLog(config)
  const storage = createMemcachedStorage({ address: config.memcached, wallMs: Date.now, log })
  let answers = true
  const keeper: Keeper = {
    get answers() {
      return answers
    },
    install: ring => primary.install(ring),
    seed: seed => primary.seed(seed),
    vote: request => primary.vote(request),
    isNew: ring => primary.isNew(ring),
    waitsFor: () => primary.waitsFor(),
    isTidy: () => primary.isTidy(),
    progress: () => primary.progress(),
    // If one report is lost, the next tells more.
    report: progress => primary.report(progress).catch(() => {})
  }
  const app = await createNodeApp(config, storage, keeper, log)
  await app.ready()
  const handlers = handlersOf<WorkerCalls>(WORKER_CALLS, workerCalls(app))
  const primary = callsOver<KeeperCalls>(createIpc(parentEnd, handlers, log), KEEPER_CALLS)
  const stop = exitWhenTold(log, async () => {
    await app.giveNotice()
    await app.close()
  })
  process.on('disconnect', () => stop('the primary is gone'))
  watchOverPrimary(primary, log, now => {
    answers = now
  })
  await primary.join()
  try {
    await listen(app, config)
  } catch (error) {
    await primary.cannotListen((error as Error).message)
    process.exit(1)
  }
}

/** What the primary has this worker do. */
function workerCalls(app: FastifyInstance): WorkerCalls {
  return {
    async beat() {},
    switchTo: ring => takeRing(app, ring),
    async serve(id) {
      app.ring.serve(id)
    },
    recheck: () => app.storage.recheck(),
    isNew: ring => app.seeding.isNew(ring),
    fetch: ({ ring, forgotten }) => app.copying.fetch(ring, forgotten),
    renew: ring => app.ringConsensus.renew(ring),
    receive: ring => app.copying.receive(ring),
    purge: ring => app.copying.purge(ring)
  }
}

/** Tells `answers` whether the primary does. */
function watchOverPrimary(
  primary: KeeperCalls,
  log: FastifyBaseLogger,
  answers: (now: boolean) => void
): void {
  watch({
    beat: () => primary.beat(),
    silentMs: PRIMARY_SILENT_MS,
    silent() {
      answers(false)
      log.error('the primary process does not answer; this worker goes on under the ring that it has')
    },
    back() {
      answers(true)
      log.warn('the primary process answers again')
    }
  })
}
