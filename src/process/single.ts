// A node in one process: keeper, storage and application together.

import { createMemcachedStorage } from '../storage/memcached/storage.ts'
import { createMemcachedRingRecord } from '../storage/memcached/ring-record.ts'
import { createMemoryStorage } from '../storage/memory.ts'
import { createKeeper } from '../keeper/keeper.ts'
import { type Config } from './config.ts'
import { type RingRecord, type Storage } from '../core/ports.ts'
import {
  createLog,
  createNodeApp,
  exitWhenTold,
  listen,
  stateFilesOf,
  warnOfConfig,
  workerOf
} from './lifecycle.ts'
import { type FastifyBaseLogger } from 'fastify'

export async function runSingle(config: Config): Promise<void> {
  const log = createLog(config)
  warnOfConfig(config, log)
  const { storage, ringRecord } = storageOf(config, log)
  const keeper = createKeeper({
    node: config.node,
    files: stateFilesOf(config),
    record: ringRecord,
    log,
    nowMs: Date.now
  })
  const app = await createNodeApp(config, storage, keeper, log)
  await keeper.start()
  await app.ready()
  await keeper.addWorker(workerOf(app, () => process.exit(1)))
  await listen(app, config)
  exitWhenTold(log, async () => {
    await app.giveNotice()
    await app.close()
    await keeper.close()
  })
}

function storageOf(config: Config, log: FastifyBaseLogger): { storage: Storage; ringRecord: RingRecord } {
  if (config.storage === 'memory') return createMemoryStorage({ wallMs: Date.now })
  return {
    storage: createMemcachedStorage({ address: config.memcached, wallMs: Date.now, log }),
    ringRecord: createMemcachedRingRecord({ address: config.memcached })
  }
}
