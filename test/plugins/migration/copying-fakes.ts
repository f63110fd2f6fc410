// What copying and replica need of an application, with nothing real around it but the installed ring: tests
// say what the storage and the other nodes do.

import { pino } from 'pino'
import { type CopyingPorts } from '../../../plugins/migration/index.ts'
import { TRUSTED_HEADER } from '../../../plugins/migration/pull.ts'
import { createInstalledRing } from '../../../plugins/ring/installed.ts'
import { type Ranges } from '../../../src/core/copying/fetching.ts'
import { encodeEnd, encodePairs } from '../../../src/core/messages/pair-stream.ts'
import { MISS, STORED, type Storage } from '../../../src/core/ports.ts'
import { type PairRecord } from '../../../src/core/pairs/record.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { NODE } from '../../keeper/keeper-fakes.ts'

const RECORD: PairRecord = {
  version: { timeMs: 1, counter: 0, writer: 1 },
  deleted: false,
  expiresAtMs: 0,
  contentType: '',
  value: Buffer.from('x')
}

/** A storage that holds nothing, and whose memory is as a test says. */
export function fakeStorage() {
  return {
    incarnation: 1,
    trustedUntilMs: Infinity,
    get: async () => MISS,
    merge: async () => STORED,
    mergeAll: async () => undefined,
    async *scan() {},
    purge: async () => 0,
    stats: async () => ({ pairs: 0, bytes: 0, limitBytes: 0 }),
    discard: async () => undefined,
    recheck: async () => {},
    close: async () => {}
  } satisfies { -readonly [name in keyof Storage]: Storage[name] } as {
    -readonly [name in keyof Storage]: Storage[name]
  }
}

/** The ring of a process that has it in force, or with `isServed` false has only switched to it. */
export async function installedRing(ring: Ring, isServed = true): Promise<CopyingPorts['ring']> {
  const installed = createInstalledRing()
  await installed.switchTo(ring)
  if (isServed) installed.serve(ring)
  return Object.assign(installed, {
    node: NODE,
    install: async () => {},
    isBehind: () => false,
    hasKeeper: () => true
  })
}

/**
 * An application whose other nodes give a pair each, named for the node, and are to be trusted for as long as
 * `trustedMs` says; 0: they do not remember.
 */
export async function fakeCopying(
  ring: Ring,
  trustedMs: (node: string) => number,
  given: (node: string) => void = () => {}
) {
  const storage = fakeStorage()
  async function* pieces(node: string, ranges: Ranges) {
    if (ranges.length > 0) {
      yield encodePairs([{ slot: 1, key: node, record: RECORD }])
      given(node)
    }
    yield encodeEnd({ pairs: ranges.length > 0 ? 1 : 0, remembers: trustedMs(node) > 0 })
  }
  const channel = (node: string) => ({
    stream: async (_path: string, { ranges }: { readonly ranges: Ranges }) => ({
      headers: { [TRUSTED_HEADER]: String(trustedMs(node)) },
      body: pieces(node, ranges)
    }),
    greet: async () => {}
  })
  const app = {
    storage,
    ring: await installedRing(ring),
    peers: { channel },
    pace: { observe() {}, restMs: () => 0, share: 1 },
    clock: { wallMs: () => 1000 },
    log: pino({ level: 'silent' })
  } as unknown as CopyingPorts
  return { app, storage }
}
