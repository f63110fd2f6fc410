// A worker process: the application, with the primary for its keeper. Workers are equal, and each may end at any time.

import { type FastifyBaseLogger } from 'fastify'
import { createMemcachedStorage } from '../storage/memcached/storage.ts'
import { type Keeper } from '../keeper/keeper.ts'
import { type Config } from './config.ts'
import { parseRing, ringToJson, type RingId } from '../core/ring/ring.ts'
import { parseAnswer, requestToText } from '../core/consensus/voter.ts'
import { watch } from '../core/processes/watch.ts'
import { BEAT, createIpc, type Ipc, type IpcEnd } from './ipc.ts'
import { PRIMARY_SILENT_MS } from '../limits.ts'
import { createLog, createNodeApp, exitWhenTold, listen, takeRing } from './lifecycle.ts'

/** What a worker says when it cannot listen, before it exits: a primary of which no worker has ever listened gives up as a whole. */
export const UNUSABLE = 'unusable'

const parentEnd: IpcEnd = {
  // If the primary has just died, the end of the channel follows; without a callback Node would throw.
  send: message => process.connected && process.send?.(message, undefined, undefined, () => {}),
  onMessage: listener => { process.on('message', listener) },
  onGone: listener => { process.on('disconnect', listener) }
}

export async function runWorker (config: Config): Promise<void> {
  const log = createLog(config)
  const storage = createMemcachedStorage({ address: config.memcached, wallMs: Date.now, log })
  let answers = true
  const keeper: Keeper = {
    get answers () { return answers },
    install: async ring => { await primary.call('install', JSON.stringify(ringToJson(ring))) },
    seed: async seed => { await primary.call('seed', JSON.stringify(seed)) },
    vote: async request => parseAnswer(await primary.call('vote', requestToText(request))),
    isNew: async ring => JSON.parse(await primary.call('isNew', JSON.stringify(ringToJson(ring)))),
    waitsFor: async () => JSON.parse(await primary.call('waitsFor', '')) ?? undefined,
    isTidy: async () => JSON.parse(await primary.call('isTidy', '')),
    progress: async () => JSON.parse(await primary.call('progress', '')) ?? undefined,
    // Whoever misses one hears the next.
    report: progress => { primary.call('report', JSON.stringify(progress)).catch(() => {}) }
  }
  const app = await createNodeApp(config, storage, keeper, log)
  await app.ready()
  const done = (action: Promise<unknown> | void) => Promise.resolve(action).then(() => '')
  const primary = createIpc(parentEnd, {
    switchTo: json => done(takeRing(app, parseRing(json))),
    serve: json => done(app.ring.serve(JSON.parse(json) as RingId)),
    recheck: () => done(app.storage.recheck()),
    isNew: async json => JSON.stringify(await app.seeding.isNew(parseRing(json))),
    fetchForgotten: async json => JSON.stringify(await app.copying.fetch(parseRing(json), true)),
    fetchMissed: async json => JSON.stringify(await app.copying.fetch(parseRing(json), false)),
    renew: json => done(app.ringRegister.renew(parseRing(json))),
    receive: async json => JSON.stringify(await app.copying.receive(parseRing(json))),
    purge: async json => JSON.stringify(await app.copying.purge(parseRing(json)))
  })
  const stop = exitWhenTold(log, async () => {
    await app.giveNotice()
    await app.close()
  })
  process.on('disconnect', () => stop('the primary is gone'))
  watchOverPrimary(primary, log, now => { answers = now })
  await primary.call('join', '')
  try {
    await listen(app, config)
  } catch (error) {
    await primary.call(UNUSABLE, (error as Error).message)
    process.exit(1)
  }
}

/** Tells `answers` whether the primary does. */
function watchOverPrimary (primary: Ipc, log: FastifyBaseLogger, answers: (now: boolean) => void): void {
  watch({
    beat: () => primary.call(BEAT, '', Infinity),
    silentMs: PRIMARY_SILENT_MS,
    silent () {
      answers(false)
      log.error('the primary process does not answer; this worker goes on under the ring that it has')
    },
    back () {
      answers(true)
      log.warn('the primary process answers again')
    }
  })
}
