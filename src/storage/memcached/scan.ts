// Enumerates the pairs of some slots: dumps of names by a thread, as many as the budget for names makes
// necessary, each over slots of its own, and for each the values through the data connections, a few batches
// ahead of the consumer.

import { type BatchGuard, type Pair, type SlotFilter } from '../../core/ports.ts'
import { keepUntilMs } from '../../core/pairs/record.ts'
import { KvError } from '../../errors.ts'
import { SCAN_BATCH_BYTES, SCAN_BATCH_PAIRS, SLOTS } from '../../limits.ts'
import { SCAN_AHEAD } from './limits.ts'
import { type Client } from './client.ts'
import { type DeleteReply, type GetReply } from './connection-api.ts'
import { type Dumper } from './dumper.ts'
import { batchesOf } from './name-blocks.ts'
import { decodeItem, slotOfName } from './names.ts'

export interface ScanPorts {
  readonly client: Client
  readonly dumper: Dumper
  readonly wallMs: () => number
}

/** As `Storage.scan`. */
export async function* scanPairs(ports: ScanPorts, slots: SlotFilter): AsyncGenerator<readonly Pair[]> {
  for await (const pairs of ahead(nameBatches(ports, slots), names => readPairs(ports, names))) {
    if (pairs.length > 0) yield pairs
  }
}

/** As `Storage.purge`. */
export async function purgePairs(
  ports: ScanPorts,
  slots: SlotFilter,
  within: BatchGuard = batch => batch()
): Promise<number> {
  let purged = 0
  for await (const count of ahead(nameBatches(ports, slots), names =>
    within(() => deletePairs(ports, names))
  )) {
    if (count === undefined) break
    purged += count
  }
  return purged
}

/**
 * The names of all pairs in the chosen slots. Each slot is asked about again later: a ring may change during
 * a scan.
 */
async function* nameBatches({ dumper }: ScanPorts, slots: SlotFilter): AsyncGenerator<string[]> {
  const wanted = Uint8Array.from({ length: SLOTS }, (_, slot) => (slots(slot) ? 1 : 0))
  while (wanted.includes(1)) {
    const names = await dumper.dump(wanted)
    for (const batch of batchesOf(names, SCAN_BATCH_PAIRS, SCAN_BATCH_BYTES)) {
      yield batch.filter(name => slots(slotOfName(name)))
    }
    wanted.fill(0, 0, names.nextSlot)
  }
}

/**
 * Works on a few batches at a time and yields the results in order. The first failure is thrown when its turn
 * comes.
 */
async function* ahead<T>(
  batches: AsyncIterable<string[]>,
  work: (names: string[]) => Promise<T>
): AsyncGenerator<T> {
  const window: Promise<{ readonly value: T } | { readonly error: unknown }>[] = []
  for await (const names of batches) {
    // A rejection that nobody awaits yet would end the process, so a failure waits as a value.
    window.push(
      work(names).then(
        value => ({ value }),
        (error: unknown) => ({ error })
      )
    )
    if (window.length > SCAN_AHEAD) yield settle(await window.shift())
  }
  while (window.length > 0) yield settle(await window.shift())
}

function settle<T>(outcome: { readonly value: T } | { readonly error: unknown } | undefined): T {
  if (outcome === undefined || 'error' in outcome) throw outcome?.error
  return outcome.value
}

async function readPairs({ client, wallMs }: ScanPorts, names: readonly string[]): Promise<Pair[]> {
  const nowMs = wallMs()
  const pairs: Pair[] = []
  const replies = await all<GetReply>(names, (name, done) => {
    const connection = client.pick()
    if ('kind' in connection) done(connection)
    else connection.get(name, done)
  })
  for (const [i, reply] of replies.entries()) {
    if (reply.kind === 'miss') continue
    if (reply.kind === 'failed') {
      throw new KvError('KV_ERR_STORAGE', `a read failed in the middle of a scan: ${reply.reason}`)
    }
    const pair = readPair(names[i] as string, reply.bytes)
    if (keepUntilMs(pair.record) > nowMs) pairs.push(pair)
  }
  return pairs
}

/**
 * Bytes that are no record end the scan: left out, an acknowledged write would count as missing where it is
 * copied to.
 */
function readPair(name: string, bytes: Buffer): Pair {
  try {
    return { slot: slotOfName(name), ...decodeItem(name, bytes) }
  } catch (error) {
    if (!(error instanceof KvError)) throw error
    throw new KvError('KV_ERR_STORAGE', `the item ${name} is not readable: ${error.message}`)
  }
}

async function deletePairs({ client }: ScanPorts, names: readonly string[]): Promise<number> {
  const replies = await all<DeleteReply>(names, (name, done) => {
    const connection = client.pick()
    if ('kind' in connection) done(connection)
    else connection.delete(name, done)
  })
  const failure = replies.find(reply => reply.kind === 'failed')
  if (failure?.kind === 'failed') {
    throw new KvError('KV_ERR_STORAGE', `a delete failed in the middle of a purge: ${failure.reason}`)
  }
  return replies.filter(reply => reply.kind === 'deleted').length
}

/** Sends a command for each name, all in one go, and resolves with the replies in the order of the names. */
function all<R>(
  names: readonly string[],
  send: (name: string, done: (reply: R) => void) => void
): Promise<R[]> {
  if (names.length === 0) return Promise.resolve([])
  return new Promise(resolve => {
    const replies = new Array<R>(names.length)
    let open = names.length
    for (const [i, name] of names.entries()) {
      send(name, reply => {
        replies[i] = reply
        if (--open === 0) resolve(replies)
      })
    }
  })
}
