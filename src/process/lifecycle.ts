// What every process of a node needs, whichever part it plays.

import cluster from 'node:cluster'
import { randomBytes } from 'node:crypto'
import { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { pino, type Logger } from 'pino'
import { createStateFiles, noStateFiles, type StateFiles } from '../keeper/state-file.ts'
import { createApp } from '../app.ts'
import { type Config } from './config.ts'
import { type Keeper } from '../keeper/keeper.ts'
import { type WorkerHandle } from '../keeper/workers.ts'
import { type Storage } from '../core/ports.ts'
import { type Ring } from '../core/ring/ring.ts'
import { createClock } from '../core/pairs/version.ts'
import { KvError } from '../errors.ts'
import { BACKLOG, STOP_DEADLINE_MS } from '../limits.ts'
import { readTls } from './tls.ts'

export function createLog(config: Config): Logger {
  return pino({ level: config.logLevel, base: { node: config.node, pid: process.pid } })
}

export function stateFilesOf(config: Config): StateFiles {
  return config.stateDir === undefined ? noStateFiles : createStateFiles(config.stateDir)
}

/**
 * The application of this process. Its clock's writer number is drawn anew, so no two processes share one.
 */
export function createNodeApp(
  config: Config,
  storage: Storage,
  keeper: Keeper,
  log: FastifyBaseLogger
): Promise<FastifyInstance> {
  const clock = createClock(Date.now, randomBytes(6).readUIntBE(0, 6))
  return createApp({
    node: config.node,
    replicas: config.replicas,
    token: config.token,
    tls: readTls(config.tls),
    copyBytesPerS: config.copyBytesPerS,
    storage,
    keeper,
    clock,
    log
  })
}

/** The first file that systemd passes; see sd_listen_fds(3). */
const FIRST_PASSED_FD = 3

/** True if systemd has passed the port to this process, or to the primary whose worker it is. */
export function hasOpenPort({ LISTEN_FDS, LISTEN_PID }: NodeJS.ProcessEnv): boolean {
  return LISTEN_FDS === '1' && (cluster.isWorker ? process.ppid : process.pid) === Number(LISTEN_PID)
}

/** Tells what an operator should know of the configuration; once a node. */
export function warnOfConfig({ exposed, host }: Config, log: Logger): void {
  if (exposed) {
    log.warn(
      { host },
      'without CLUSTER_TOKEN everybody who reaches this node may change the ring and read or empty ' +
        'its storage'
    )
  }
}

/**
 * Listens where the configuration says, or, where systemd has opened the port, on that: it stays open while
 * the node is restarted. Throws `KV_ERR_CONFIG` where that cannot be.
 */
export async function listen(app: FastifyInstance, { host, port }: Config): Promise<void> {
  try {
    await app.listen({
      host,
      port,
      backlog: BACKLOG,
      ...(hasOpenPort(process.env) && { fd: FIRST_PASSED_FD })
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') {
      throw new KvError('KV_ERR_CONFIG', `PORT ${port} on ${host} is in use by another program`)
    }
    if (code === 'EACCES') {
      throw new KvError('KV_ERR_CONFIG', `PORT ${port} on ${host} needs more rights than this process has`)
    }
    throw new KvError('KV_ERR_CONFIG', `HOST ${host}, PORT ${port}: ${(error as Error).message}`)
  }
}

/**
 * On SIGTERM or SIGINT, or when what it returns is called: stops, then exits 0; exits 1 if that fails or
 * takes longer than its deadline.
 */
export function exitWhenTold(log: FastifyBaseLogger, stop: () => Promise<void>): (why: string) => void {
  let stopping = false

  function begin(why: string): void {
    if (stopping) return
    stopping = true
    log.info({ why }, 'stopping')
    setTimeout(() => {
      log.error('stopping took too long')
      process.exit(1)
    }, STOP_DEADLINE_MS).unref()
    stop().then(
      () => process.exit(0),
      error => {
        log.error({ err: error }, 'stopping failed')
        process.exit(1)
      }
    )
  }

  process.on('SIGTERM', begin)
  process.on('SIGINT', begin)
  return begin
}

/** The application of this process as its keeper sees it, where both are in one process. */
export function workerOf(app: FastifyInstance, kill: () => void): WorkerHandle {
  return {
    switchTo: ring => takeRing(app, ring),
    serve: id => app.ring.serve(id),
    recheck: () =>
      app.storage.recheck().catch(error => app.log.error({ err: error }, 'looking at the ring record')),
    isNew: ring => app.seeding.isNew(ring),
    fetch: (ring, forgotten) => app.copying.fetch(ring, forgotten),
    renew: ring => app.ringConsensus.renew(ring),
    receive: ring => app.copying.receive(ring),
    purge: ring => app.copying.purge(ring),
    kill
  }
}

/**
 * A worker's part of an install. The keeper may just have written the ring record, or a mark in its place: it
 * is looked at anew.
 */
export async function takeRing(app: FastifyInstance, ring: Ring): Promise<void> {
  await app.ring.switchTo(ring)
  await app.storage.recheck()
}
