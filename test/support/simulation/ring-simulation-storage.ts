// The Memcached of a simulated machine, as one process of it sees it over a connection, and the storage
// driver on top of that: the production code reads and merges pairs. A command takes effect at one instant
// between its call and its answer, or later where the Memcached hangs.

import {
  failed,
  type Failed,
  type Pair,
  type RingRecord,
  type SlotFilter,
  type Storage
} from '../../../src/core/ports.ts'
import { keepUntilMs } from '../../../src/core/pairs/record.ts'
import { KvError } from '../../../src/errors.ts'
import { type Client } from '../../../src/storage/memcached/client.ts'
import {
  type AddReply,
  type CasReply,
  type Connection,
  type DeleteReply,
  type DiscardReply,
  type GetReply
} from '../../../src/storage/memcached/connection-api.ts'
import { discardPair } from '../../../src/storage/memcached/discard.ts'
import { createLargeNames } from '../../../src/storage/memcached/large-names.ts'
import { createLanes } from '../../../src/storage/memcached/lanes.ts'
import {
  MERGES_PER_KEY,
  SENTINEL_POLL_MS,
  STORAGE_DEADLINE_MS
} from '../../../src/storage/memcached/limits.ts'
import { decodeItem, pairName, RING_NAME, slotOfName } from '../../../src/storage/memcached/names.ts'
import { getPair, mergePair, mergePairs } from '../../../src/storage/memcached/pairs.ts'
import { createSentinel } from '../../../src/storage/memcached/sentinel.ts'
import { type Life } from './ring-simulation-wire.ts'
import { wallMs, type Machine, type Shelf, type World } from './ring-simulation-world.ts'

/** A slow command takes up to so long to take effect; one to a Memcached that hangs, up to so much longer. */
const LONGEST_STORAGE_MS = 0.9 * STORAGE_DEADLINE_MS
const HUNG_MS = 3 * STORAGE_DEADLINE_MS

/** Pairs of one batch of a scan or a purge. */
const BATCH_PAIRS = 2

/** Longest time until a process has noticed that the Memcached is another one, and is connected again. */
const RECONNECT_MS = 300

/** Sends commands over connections to one run of the Memcached. */
type Send = <T>(
  apply: (shelf: Shelf, isLate: boolean) => T,
  done: (reply: T | Failed) => void,
  isWrite?: boolean
) => void

/**
 * A command that was sent to a Memcached before it ended is lost with it; one of a process that ends
 * meanwhile is too, unless the Memcached hangs.
 */
function sender(world: World, machine: Machine, life: Life, run: number): Send {
  return (apply, done, isWrite = false) => {
    const {
      chance,
      time,
      weather: { storageMs, slow, hung }
    } = world
    const isHung = chance() < hung
    const isSlow = isWrite && time.nowMs < machine.slowUntilMs
    const takesMs = isSlow
      ? (0.7 + 0.3 * chance()) * LONGEST_STORAGE_MS
      : chance() * (isHung ? HUNG_MS : chance() < slow ? LONGEST_STORAGE_MS : storageMs)
    const backMs = chance() * storageMs
    world.busy++
    let open = true
    const answer = (reply: ReturnType<typeof apply> | Failed) => {
      if (!open) return
      open = false
      world.busy--
      life.wake(() => done(reply))
    }
    time.after(takesMs, () => {
      if (machine.shelf.run !== run || (!life.alive && !isHung)) return answer(failed('timeout'))
      const reply = apply(machine.shelf, !open)
      time.after(backMs, () => answer(reply))
    })
    if (takesMs + backMs > STORAGE_DEADLINE_MS) {
      time.after(STORAGE_DEADLINE_MS, () => answer(failed('timeout')))
    }
  }
}

function createConnection(world: World, machine: Machine, life: Life, run: number): Connection {
  const send = sender(world, machine, life, run)

  /** What lies there, unless it has expired by the clock of the machine. */
  function find({ items }: Shelf, name: string) {
    const item = items.get(name)
    if (item === undefined || item.expiryS === 0 || item.expiryS * 1000 > wallMs(world, machine)) return item
    items.delete(name)
    return undefined
  }

  function put(
    shelf: Shelf,
    name: string,
    expiryS: number,
    bytes: Buffer,
    isLate: boolean
  ): { readonly kind: 'stored' } {
    if (isLate) shelf.late.add(name)
    else shelf.late.delete(name)
    shelf.items.set(name, { bytes, cas: ++shelf.lastCas, expiryS })
    return { kind: 'stored' }
  }

  const get = (name: string, done: (reply: GetReply) => void) =>
    send<GetReply>(shelf => {
      const item = find(shelf, name)
      return item === undefined
        ? { kind: 'miss' }
        : ({ kind: 'value', bytes: item.bytes, cas: String(item.cas) } as GetReply)
    }, done)

  return {
    state: 'ready',
    instance: String(run),
    gathers: false,
    inFlight: 0,
    get,
    gets: get,
    add: (name, expiryS, body, done) =>
      send<AddReply>(
        (shelf, isLate) => {
          if (find(shelf, name) !== undefined) return { kind: 'not-stored' }
          return shelf.items.size >= shelf.limit ? { kind: 'full' } : put(shelf, name, expiryS, body, isLate)
        },
        done,
        true
      ),
    cas: (name, expiryS, body, cas, done) =>
      send<CasReply>(
        (shelf, isLate) => {
          const item = find(shelf, name)
          if (item === undefined) return { kind: 'not-found' }
          return String(item.cas) === cas ? put(shelf, name, expiryS, body, isLate) : { kind: 'exists' }
        },
        done,
        true
      ),
    delete: (name, done) =>
      send<DeleteReply>(shelf => ({ kind: shelf.items.delete(name) ? 'deleted' : 'not-found' }), done),
    discard: (name, cas, done) =>
      send<DiscardReply>(shelf => {
        const item = find(shelf, name)
        if (item === undefined) return { kind: 'not-found' }
        if (String(item.cas) !== cas) return { kind: 'exists' }
        shelf.items.delete(name)
        return { kind: 'deleted' }
      }, done),
    stats: done => done(failed('unreachable')),
    destroy() {}
  }
}

export interface SimulatedStorage extends Storage {
  /** The Memcached is another one: the connections are cut, and made anew after a while. */
  cut(): void
  /** Puts pairs in place of whatever is there. */
  overwriteAll(pairs: readonly Pair[]): Promise<undefined>
}

/** As `src/storage/memcached/storage.ts`, over the simulated connections. */
export function createStorage(world: World, machine: Machine, life: Life): SimulatedStorage {
  let connection: Connection | undefined
  const client: Client = { pick: () => connection ?? failed('unreachable'), close() {} }
  const wall = () => wallMs(world, machine)
  const sentinel = createSentinel(wall)
  const ports = {
    client,
    lanes: createLanes(MERGES_PER_KEY),
    large: createLargeNames(),
    wallMs: wall,
    unreadable: (name: string, why: string) => world.violations.push(`${name} is not readable: ${why}`)
  }

  function connect(): void {
    const { run } = machine.shelf
    const opened = createConnection(world, machine, life, run)
    opened.get(RING_NAME, reply => {
      if (reply.kind === 'failed') return cut()
      connection = opened
      sentinel.greeted(opened.instance, reply.kind === 'value' ? reply.bytes : undefined)
    })
  }

  function cut(): void {
    life
      .sleep((world.chance() * RECONNECT_MS) / 2)
      .then(() => {
        connection = undefined
        life
          .sleep((world.chance() * RECONNECT_MS) / 2)
          .then(connect)
          .catch(unexpected)
      })
      .catch(unexpected)
  }

  async function look(): Promise<void> {
    const asked = connection
    if (asked === undefined) return
    const reply = await new Promise<GetReply>(resolve => asked.get(RING_NAME, resolve))
    if (reply.kind !== 'failed') {
      sentinel.looked(asked.instance, reply.kind === 'value' ? reply.bytes : undefined)
    }
  }

  connect()
  life.timers.every(SENTINEL_POLL_MS, () => {
    if (sentinel.incarnation === 0) look().catch(unexpected)
  })
  return {
    get incarnation() {
      return sentinel.incarnation
    },
    get trustedUntilMs() {
      return sentinel.trustedUntilMs
    },
    get: (slot, key) => getPair(ports, slot, key),
    merge: (slot, key, record) => mergePair(ports, slot, key, record),
    mergeAll: batch => mergePairs(ports, batch),
    discard: (slot, key, version) => discardPair(ports, slot, key, version),
    scan: slots => scan(client, machine, slots, wall),
    purge: (slots, within) => purge(client, machine, slots, within),
    stats: async () => ({
      pairs: [...machine.shelf.items.keys()].filter(name => name !== RING_NAME).length,
      bytes: 0,
      limitBytes: 0
    }),
    recheck: look,
    cut,
    async overwriteAll(pairs) {
      for (const pair of pairs) {
        await new Promise(resolve => pickOne(client).delete(pairName(pair.slot, pair.key), resolve))
        await mergePairs(ports, [pair])
      }
      return undefined
    },
    async close() {}
  }
}

function unexpected(error: unknown): never {
  throw error
}

function pickOne(client: Client): Connection {
  const connection = client.pick()
  if ('kind' in connection) throw new KvError('KV_ERR_STORAGE')
  return connection
}

/** The names as a dump has them: those that were there when it was made. */
function* nameBatches({ shelf }: Machine, slots: SlotFilter): Generator<string[]> {
  const names = [...shelf.items.keys()].filter(name => name !== RING_NAME && slots(slotOfName(name)))
  for (let at = 0; at < names.length; at += BATCH_PAIRS) {
    yield names.slice(at, at + BATCH_PAIRS).filter(name => slots(slotOfName(name)))
  }
}

async function* scan(
  client: Client,
  machine: Machine,
  slots: SlotFilter,
  wall: () => number
): AsyncGenerator<readonly Pair[]> {
  for (const names of nameBatches(machine, slots)) {
    const replies = await Promise.all(
      names.map(name => new Promise<GetReply>(resolve => pickOne(client).get(name, resolve)))
    )
    const pairs = replies.flatMap((reply, i): Pair[] => {
      if (reply.kind === 'miss') return []
      if (reply.kind === 'failed') throw new KvError('KV_ERR_STORAGE')
      const name = names[i] as string
      return [{ slot: slotOfName(name), ...decodeItem(name, reply.bytes) }]
    })
    yield pairs.filter(({ record }) => keepUntilMs(record) > wall())
  }
}

async function purge(
  client: Client,
  machine: Machine,
  slots: SlotFilter,
  within: Parameters<Storage['purge']>[1] = batch => batch()
): Promise<number> {
  let purged = 0
  for (const names of nameBatches(machine, slots)) {
    const count = await within(async () => {
      const replies = await Promise.all(
        names.map(name => new Promise<DeleteReply>(resolve => pickOne(client).delete(name, resolve)))
      )
      if (replies.some(({ kind }) => kind === 'failed')) throw new KvError('KV_ERR_STORAGE')
      return replies.filter(({ kind }) => kind === 'deleted').length
    })
    if (count === undefined) break
    purged += count
  }
  return purged
}

/**
 * The ring record as the keeper has it, over a connection of its own for each call. An answer may be lost on
 * the way.
 */
export function createRecord(world: World, machine: Machine, life: Life): RingRecord {
  const text = (shelf: Shelf) => shelf.items.get(RING_NAME)?.bytes.toString()
  const write = (shelf: Shelf, next: string) => {
    shelf.items.set(RING_NAME, { bytes: Buffer.from(next), cas: ++shelf.lastCas, expiryS: 0 })
    return { done: true }
  }

  async function call<T extends object>(apply: (shelf: Shelf) => T, isSentinel = false): Promise<T> {
    const isLost = world.chance() < world.weather.recordLost
    const reply = await new Promise<T | Failed>(resolve =>
      sender(world, machine, life, machine.shelf.run)(apply, resolve)
    )
    if (isLost && isSentinel) world.moment('sentinel added', machine)
    if ('kind' in reply || isLost) throw new KvError('KV_ERR_STORAGE', 'the ring record: no answer')
    return reply
  }

  return {
    read: async () => (await call(shelf => ({ text: text(shelf) }))).text,
    add: async next =>
      (
        await call(
          shelf => (text(shelf) !== undefined ? { done: false } : write(shelf, next)),
          next.startsWith('{')
        )
      ).done,
    replace: async next =>
      (await call(shelf => (text(shelf) === undefined ? { done: false } : write(shelf, next)))).done,
    close() {}
  }
}
