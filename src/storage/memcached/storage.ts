// The storage driver that keeps a node's pairs in its Memcached. Every process of the node has one of its
// own; together they merge safely, as each write is an `add` or a `cas` that fails if another came first.

import { performance } from 'node:perf_hooks'
import { type FastifyBaseLogger } from 'fastify'
import { type Storage, type StorageStats } from '../../core/ports.ts'
import { KvError } from '../../errors.ts'
import { MERGES_PER_KEY, SCAN_NAMES_BYTES, SENTINEL_POLL_MS, UNREADABLE_LOG_MS } from './limits.ts'
import { parseAddress } from './address.ts'
import { createClient, type Client } from './client.ts'
import { type GetReply } from './connection-api.ts'
import { discardPair } from './discard.ts'
import { createDumper } from './dumper.ts'
import { createLargeNames } from './large-names.ts'
import { createLanes } from './lanes.ts'
import { RING_NAME } from './names.ts'
import { getPair, mergePair, mergePairs } from './pairs.ts'
import { type StatsReply } from './protocol.ts'
import { purgePairs, scanPairs } from './scan.ts'
import { createSentinel, type Sentinel } from './sentinel.ts'

export interface MemcachedStorageOptions {
  /** `host:port`, or the path of a unix socket. */
  readonly address: string
  readonly wallMs: () => number
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  /** Bound on the names that a scan holds; tests make it small. */
  readonly scanNamesBytes?: number
}

/** Connects at once and in the background. Throws `KV_ERR_CONFIG` if the address is none. */
export function createMemcachedStorage(options: MemcachedStorageOptions): Storage {
  const { address, wallMs, log } = options
  const sentinel = createSentinel(wallMs)
  const client = createClient(parseAddress(address), {
    greeted(instance, ring) {
      sentinel.greeted(instance, ring)
      log.info({ address, instance, memory: sentinel.incarnation }, 'connected to memcached')
    },
    lost: why => log.warn({ address, why }, 'memcached does not answer')
  })
  const stopPoll = startPoll(client, sentinel)
  const dumper = createDumper(address, options.scanNamesBytes ?? SCAN_NAMES_BYTES)
  const pairs = {
    client,
    lanes: createLanes(MERGES_PER_KEY),
    large: createLargeNames(),
    wallMs,
    unreadable: sparingly(log)
  }
  const scans = { client, dumper, wallMs }
  return {
    get incarnation() {
      return sentinel.incarnation
    },
    get trustedUntilMs() {
      return sentinel.trustedUntilMs
    },
    get: (slot, key) => getPair(pairs, slot, key),
    merge: (slot, key, record) => mergePair(pairs, slot, key, record),
    mergeAll: batch => mergePairs(pairs, batch),
    discard: (slot, key, version) => discardPair(pairs, slot, key, version),
    scan: slots => scanPairs(scans, slots),
    purge: (slots, within) => purgePairs(scans, slots, within),
    stats: () => readStats(client),
    recheck: () => look(client, sentinel),
    async close() {
      stopPoll()
      client.close()
      await dumper.close()
    }
  }
}

/**
 * Looks for the sentinel again and again while it is not there. So the process that writes it need not tell
 * the others.
 */
function startPoll(client: Client, sentinel: Sentinel): () => void {
  let isLooking = false

  async function run(): Promise<void> {
    if (isLooking || sentinel.incarnation !== 0) return
    isLooking = true
    await look(client, sentinel)
    isLooking = false
  }

  const timer = setInterval(run, SENTINEL_POLL_MS).unref()
  return () => clearInterval(timer)
}

/** One look for the sentinel. No answer changes nothing: the next connection will look. */
async function look(client: Client, sentinel: Sentinel): Promise<void> {
  const connection = client.pick()
  if ('kind' in connection) return
  const reply = await new Promise<GetReply>(resolve => connection.get(RING_NAME, resolve))
  if (reply.kind !== 'failed') {
    sentinel.looked(connection.instance, reply.kind === 'value' ? reply.bytes : undefined)
  }
}

/**
 * What `stats` tells. Items that are no pairs count as pairs, and some that have expired may too. The ring
 * record does not count.
 */
async function readStats(client: Client): Promise<StorageStats> {
  const connection = client.pick()
  if ('kind' in connection) throw new KvError('KV_ERR_STORAGE')
  const [ring, reply] = await Promise.all([
    new Promise<GetReply>(resolve => connection.get(RING_NAME, resolve)),
    new Promise<StatsReply | { readonly kind: 'failed' }>(resolve => connection.stats(resolve))
  ])
  if (ring.kind === 'failed' || reply.kind === 'failed') throw new KvError('KV_ERR_STORAGE')
  const number = (name: string): number => Number(reply.stats.get(name) ?? NaN)
  const pairs = number('curr_items') - (ring.kind === 'value' ? 1 : 0)
  return { pairs, bytes: number('bytes'), limitBytes: number('limit_maxbytes') }
}

/** Logs unreadable items, but not as often as clients may ask for them. */
function sparingly(log: MemcachedStorageOptions['log']): (name: string, why: string) => void {
  let nextMs = 0
  return (name, why) => {
    const nowMs = performance.now()
    if (nowMs < nextMs) return
    nextMs = nowMs + UNREADABLE_LOG_MS
    log.error({ name, why }, 'memcached holds an item that this store did not write; it is left as it is')
  }
}
