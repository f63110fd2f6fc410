// Faults to plant in a simulated cluster whose ring changes, by what they do. Each breaks the promise, and
// only in an unlucky order of events.

import { type Channel } from '../../../plugins/peers/channel.ts'
import { type CopyingPorts } from '../../../plugins/migration/index.ts'
import { createPairDecoder, encodeEnd } from '../../../src/core/messages/pair-stream.ts'
import { STORED, type Pair, type Replicas, type RingRecord, type Storage } from '../../../src/core/ports.ts'
import { compareVersions } from '../../../src/core/pairs/version.ts'
import { keepUntilMs, type PairRecord } from '../../../src/core/pairs/record.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { createOptimisticCoordinator } from './optimistic-coordinator.ts'
import { type RingFaults } from './ring-simulation-world.ts'

/** What copying needs of the application, with other streams. */
function withStreams(
  app: CopyingPorts,
  change: (stream: Channel['stream']) => Channel['stream']
): CopyingPorts {
  const channel = (node: string): Channel => {
    const known = app.peers.channel(node)
    return { ...known, stream: change(known.stream) }
  }
  return { ...app, peers: { ...app.peers, channel } }
}

/** A receiver for which one source of each slot is enough: of the others it takes the end only. */
function receiveFromOne(app: CopyingPorts): CopyingPorts {
  const asked = new Set<string>()
  return withStreams(app, stream => async (path, body, silenceMs) => {
    const { ring, ranges } = body as {
      readonly ring: { readonly next?: object; readonly epoch: number }
      readonly ranges: readonly object[]
    }
    const names = ranges.map(range => JSON.stringify([range, ring.epoch]))
    if (ring.next === undefined || ranges.length === 0 || !names.every(name => asked.has(name))) {
      for (const name of names) asked.add(name)
      return stream(path, body, silenceMs)
    }
    return {
      headers: {},
      body: (async function* () {
        yield encodeEnd({ pairs: 0, remembers: true })
      })()
    }
  })
}

/** Pairs are stored also when the ring for which they were asked for is another one by now. */
function copiesOutliveRings(app: CopyingPorts): CopyingPorts {
  return withStreams(app, stream => async (path, body, silenceMs) => {
    const answer = await stream(path, body, silenceMs)
    const decoder = createPairDecoder()
    async function* store(): AsyncGenerator<Buffer> {
      for await (const piece of answer.body) {
        await app.storage.mergeAll(decoder.push(piece))
        yield piece
      }
    }
    return { ...answer, body: store() }
  })
}

async function* withoutTombstones(pairs: AsyncIterable<readonly Pair[]>): AsyncGenerator<readonly Pair[]> {
  for await (const batch of pairs) yield batch.filter(({ record }) => !record.deleted)
}

/** The answer of a storage that stores nothing which is past its time by its own clock. */
const mergeUnlessPast = (storage: Storage, wallMs: () => number): Partial<Storage> => ({
  merge: async (slot, key, record) =>
    keepUntilMs(record) <= wallMs() ? STORED : storage.merge(slot, key, record)
})

/**
 * A keeper that holds on to "nothing to forget" when the answer to its `add` is lost: at the next look it
 * adds again.
 */
function addsAgain(record: RingRecord): RingRecord {
  let lost: string | undefined
  return {
    ...record,
    async add(text) {
      try {
        return await record.add(text)
      } catch (error) {
        if (text.startsWith('{')) lost = text
        throw error
      }
    },
    async read() {
      let text = await record.read()
      if (text === undefined && lost !== undefined && (await record.add(lost))) text = lost
      lost = undefined
      return text
    }
  }
}

/** A ring tells since when it has its shape only while it changes. */
function forgetSince(present: Ring, wanted: Ring): Ring {
  if (wanted === present || wanted.next !== undefined) return wanted
  const { since, ...rest } = wanted
  return rest
}

/** A read that finds a value whose time is over says so, and leaves it to the next to find it otherwise. */
function endsNothing(port: Replicas): Replicas {
  const found = new Map<string, PairRecord>()
  return {
    async get(node, ring, slot, key, insist) {
      const answer = await port.get(node, ring, slot, key, insist)
      if (answer.kind === 'found' && !answer.record.deleted) found.set(key, answer.record)
      return answer
    },
    async merge(node, ring, slot, key, record, insist) {
      const value = found.get(key)
      const isEnd =
        record.deleted && value !== undefined && compareVersions(value.version, record.version) === 0
      return isEnd ? STORED : port.merge(node, ring, slot, key, record, insist)
    }
  }
}

export const PLANTED: { readonly [what: string]: RingFaults } = {
  'no drain on install': { noDrain: true },
  'purge before stable': { purgesEarly: true },
  'copying with overwrite instead of merge': { storage: storage => ({ mergeAll: storage.overwriteAll }) },
  'a read without write-back': { readPort: port => ({ get: port.get, merge: async () => STORED }) },
  'a stale write stamped again too early': { coordinator: createOptimisticCoordinator },
  'a receiver that copies from one source only': { copying: receiveFromOne },
  'a vote not persisted': { votesForgotten: true },
  'a stale epoch accepted': { unfenced: true },
  'tombstones not copied': {
    storage: storage => ({ scan: slots => withoutTombstones(storage.scan(slots)) })
  },
  'a copy that goes on under another ring': { copying: copiesOutliveRings },
  'a seeded node that takes itself for new': { seedsCount: true },
  'a merge past its time that is answered stored': { storage: mergeUnlessPast },
  'a lost answer to the writing of the sentinel': { record: addsAgain },
  'a value that is found expired and not ended': { readPort: endsNothing },
  'a change back that goes unnoticed': { decided: forgetSince },
  'a look that outlasts the trust': { looksOutlastTrust: true }
}
