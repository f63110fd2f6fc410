// Whole nodes in the test's own process: the real application, keeper and peers over loopback HTTP, with
// memory storage. A node can stop, come back at its address, or forget its pairs as a Memcached does that
// came back empty.

import { randomBytes } from 'node:crypto'
import { type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { type Test } from 'tap'
import { Pool } from 'undici'
import { createKeeper, type NodeKeeper } from '../../../src/keeper/keeper.ts'
import { type TlsIdentity } from '../../../src/core/messages/hello.ts'
import { noStateFiles, type StateFiles } from '../../../src/keeper/state-file.ts'
import { createMemoryStorage } from '../../../src/storage/memory.ts'
import { createApp } from '../../../src/app.ts'
import { type RingRecord, type Storage } from '../../../src/core/ports.ts'
import { parseSeed } from '../../../src/core/ring/seed.ts'
import { createClock } from '../../../src/core/pairs/version.ts'
import { workerOf } from '../../../src/process/lifecycle.ts'
import { until } from './memcached.ts'
import { freePort } from './ports.ts'

export interface NodesOptions {
  /** Replicas that seeding asks for; 3. */
  readonly replicas?: number
  /** Replicas that each node gives a seed which asks for none; as `replicas`. */
  readonly ownReplicas?: readonly number[]
  /** The first so many nodes get a token; all. The others are standbys that know the ring. */
  readonly members?: number
  /** False: nobody is seeded. */
  readonly seeded?: boolean
  /** Cluster token of each node, or one for all. */
  readonly token?: string | readonly string[]
  /** Certificate of each node, or one for all; clients show none. */
  readonly tls?: TlsIdentity | readonly TlsIdentity[]
  /** The wall time of a node. */
  readonly wallMs?: (index: number) => number
  readonly limitBytes?: number
  /** The storage that a node gets in place of its own, for faults. */
  readonly wrap?: (storage: Storage, index: number) => Storage
  readonly files?: (index: number) => StateFiles
  /** Takes each line of the nodes' logs, parsed; none. */
  readonly logged?: (line: any) => void
}

export interface Answer {
  readonly status: number
  readonly headers: { readonly [name: string]: string | string[] | undefined }
  readonly body: Buffer
  readonly text: string
  /** The body as JSON; throws if it is none. */
  json(): any
}

export interface Asking {
  readonly method?: string
  readonly headers?: { readonly [name: string]: string }
  /** An object is sent as a form. */
  readonly body?: string | Buffer | { readonly [name: string]: string }
}

export interface TestNode {
  readonly address: string
  readonly app: FastifyInstance
  readonly keeper: NodeKeeper
  readonly storage: Storage
  readonly record: RingRecord
  /** One request, its path sent as it is. */
  ask(path: string, asking?: Asking): Promise<Answer>
  /** Ends the node at once; connections break. */
  stop(): Promise<void>
  /**
   * Brings it back at its address, with its pairs and ring record or (`empty`) without; its ring is what file
   * and record hold.
   */
  start(options?: { readonly empty?: boolean }): Promise<void>
  /** The storage comes back empty under the running node. */
  forget(): void
}

export interface TestNodes extends ReadonlyArray<TestNode> {
  /**
   * The seed that makes a ring of the members, as `POST /hash_ring` takes it; `more` adds or replaces fields.
   */
  seedText(more?: object): string
  /** Waits until all are ready. */
  readyAll(): Promise<void>
}

/** So many of them, each of which is there: `const [first, second] = nodes`. */
type Several<T, N extends number, Found extends readonly T[] = readonly []> = number extends N
  ? readonly T[]
  : Found['length'] extends N
    ? Found
    : Several<T, N, readonly [...Found, T]>

export type NodesOf<N extends number> = Several<TestNode, N> & TestNodes

/**
 * Starts `count` nodes on free ports of 127.0.0.1 and, unless told otherwise, seeds them all and waits until
 * they are ready.
 */
export async function startNodes<const N extends number>(
  t: Test,
  count: N,
  options: NodesOptions = {}
): Promise<NodesOf<N>> {
  const { replicas = 3, members = count, seeded = true } = options
  const nodes: TestNode[] = []
  t.teardown(() => Promise.all(nodes.map(node => node.stop())))
  for (let index = 0; index < count; index++) nodes.push(await startNode(index, options))

  const seedText = (more: object = {}) =>
    JSON.stringify({
      nodes: nodes
        .slice(0, members)
        .map(({ address }, index) => ({ ip: address, key: tokenOf(index, members) })),
      replicas,
      ...more
    })
  const readyAll = () => Promise.all(nodes.map(node => untilReady(node))).then(() => {})
  if (seeded) {
    await seedAtOnce(nodes, seedText({ generation: Date.now() }))
    await readyAll()
  }
  return Object.assign(nodes, { seedText, readyAll }) as unknown as NodesOf<N>
}

/**
 * Seeds nodes in one go: one that learned the ring from another first would believe that it had forgotten its
 * pairs.
 */
export async function seedAtOnce(nodes: readonly TestNode[], seedText: string): Promise<void> {
  await Promise.all(nodes.map(node => node.keeper.seed(parseSeed(seedText, 3))))
}

/** Tokens that lie evenly, the last at the end. */
export function tokenOf(index: number, members: number): number {
  return Math.floor((10_000 * (index + 1)) / members) - 1
}

/** Waits until the node says that it is ready. */
export function untilReady(node: TestNode): Promise<void> {
  return until(`${node.address} is ready`, async () => (await node.ask('/readyz')).status === 200)
}

/** A form body: every byte but letters and digits percent-encoded. */
export function form(fields: { readonly [name: string]: string | Buffer }): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${percent(value)}`)
    .join('&')
}

const PERCENT = Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte)
  return /[a-z0-9_-]/i.test(char) ? char : `%${byte.toString(16).padStart(2, '0')}`
})

/** Every byte percent-encoded but letters, digits, `-` and `_`. */
export function percent(value: string | Buffer): string {
  let text = ''
  for (const byte of Buffer.from(value as string)) text += PERCENT[byte]
  return text
}

async function startNode(index: number, options: NodesOptions): Promise<TestNode> {
  // Between looking for a free port and listening on it another process may take it.
  for (let attempt = 0; ; attempt++) {
    const node = createNode(await freePort(), index, options)
    try {
      await node.start()
      return node
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === 20) throw error
    }
  }
}

function createNode(port: number, index: number, options: NodesOptions): TestNode {
  const {
    token,
    tls: identities,
    limitBytes,
    wrap = storage => storage,
    files = () => noStateFiles,
    logged
  } = options
  const address = `127.0.0.1:${port}`
  const tls = Array.isArray(identities)
    ? (identities[index] as TlsIdentity)
    : (identities as TlsIdentity | undefined)
  const wallMs = () => options.wallMs?.(index) ?? Date.now()
  const log =
    logged === undefined
      ? pino({ level: 'silent' })
      : pino({ level: 'debug' }, { write: line => logged(JSON.parse(line)) })
  const memory = createForgetful(wallMs, limitBytes)
  const storage = wrap(memory.storage, index)
  let running: { readonly app: FastifyInstance; readonly keeper: NodeKeeper; readonly pool: Pool } | undefined

  function present() {
    if (running === undefined) throw new Error(`${address} does not run`)
    return running
  }

  async function start({ empty = false } = {}): Promise<void> {
    if (empty) memory.forget()
    const keeper = createKeeper({
      node: address,
      files: files(index),
      record: memory.record,
      log,
      nowMs: wallMs
    })
    const clock = createClock(wallMs, randomBytes(6).readUIntBE(0, 6))
    const app = await createApp({
      node: address,
      replicas: options.ownReplicas?.[index] ?? options.replicas ?? 3,
      token: typeof token === 'object' ? token[index] : token,
      tls,
      copyBytesPerS: 100_000_000,
      storage,
      keeper,
      clock,
      log
    })
    await keeper.start()
    await app.ready()
    await keeper.addWorker(
      workerOf(app, () => {
        throw new Error('the only worker was to be ended')
      })
    )
    try {
      await app.listen({ host: '127.0.0.1', port })
    } catch (error) {
      await app.close()
      await keeper.close()
      throw error
    }
    running = {
      app,
      keeper,
      pool: new Pool(`${tls === undefined ? 'http' : 'https'}://${address}`, {
        connections: 64,
        ...(tls && { connect: { ca: tls.ca } })
      })
    }
  }

  async function stop(): Promise<void> {
    if (running === undefined) return
    const { app, keeper, pool } = running
    running = undefined
    const closed = app.close()
    app.server.closeAllConnections()
    await Promise.all([closed, pool.destroy()])
    await keeper.close()
  }

  return {
    address,
    get app() {
      return present().app
    },
    get keeper() {
      return present().keeper
    },
    storage,
    record: memory.record,
    ask: (path, asking) => ask(present().pool, path, asking),
    stop,
    start,
    forget: memory.forget
  }
}

/**
 * Memory storage that can be replaced by an empty one, behind the same ports, as a Memcached that is
 * restarted.
 */
function createForgetful(wallMs: () => number, limitBytes: number | undefined) {
  const fresh = () => createMemoryStorage({ wallMs, ...(limitBytes !== undefined && { limitBytes }) })
  let inner = fresh()
  let lives = 0
  const storage: Storage = {
    get incarnation() {
      return inner.storage.incarnation === 0 ? 0 : lives * 1_000_000 + inner.storage.incarnation
    },
    get trustedUntilMs() {
      return inner.storage.trustedUntilMs
    },
    get: (slot, key) => inner.storage.get(slot, key),
    merge: (slot, key, record) => inner.storage.merge(slot, key, record),
    mergeAll: pairs => inner.storage.mergeAll(pairs),
    discard: (slot, key, version) => inner.storage.discard(slot, key, version),
    scan: slots => inner.storage.scan(slots),
    purge: (slots, within) => inner.storage.purge(slots, within),
    stats: () => inner.storage.stats(),
    recheck: () => inner.storage.recheck(),
    async close() {}
  }
  const record: RingRecord = {
    read: () => inner.ringRecord.read(),
    add: text => inner.ringRecord.add(text),
    replace: text => inner.ringRecord.replace(text),
    close() {}
  }
  function forget(): void {
    inner = fresh()
    lives++
  }
  return { storage, record, forget }
}

async function ask(
  pool: Pool,
  path: string,
  { method = 'GET', headers = {}, body }: Asking = {}
): Promise<Answer> {
  const isForm = typeof body === 'object' && !Buffer.isBuffer(body)
  const answer = await pool.request({
    path,
    method: method as 'GET',
    headers: { ...(isForm && { 'content-type': 'application/x-www-form-urlencoded' }), ...headers },
    body: isForm ? form(body) : (body ?? null)
  })
  const bytes = Buffer.from(await answer.body.arrayBuffer())
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: bytes,
    get text() {
      return bytes.toString()
    },
    json: () => JSON.parse(bytes.toString())
  }
}
