// What copying and replica need of an application, with nothing real around it but the installed ring: tests say what the storage and the other nodes do.

import { pino } from 'pino'
import { type CopyingPorts } from '../../plugins/migration/index.ts'
import { createInstalledRing } from '../../plugins/ring/installed.ts'
import { encodeEnd } from '../../src/core/pairstream.ts'
import { MISS, STORED, type Storage } from '../../src/core/ports.ts'
import { type Ring } from '../../src/core/ring.ts'
import { NODE } from './keeper-fakes.ts'

/** A storage that holds nothing, and whose memory is as a test says. */
export function fakeStorage () {
  return {
    memory: 1,
    get: async () => MISS,
    merge: async () => STORED,
    mergeAll: async () => undefined,
    async * scan () {},
    purge: async () => 0,
    stats: async () => ({ pairs: 0, bytes: 0, limitBytes: 0 }),
    discard: async () => undefined,
    recheck: async () => {},
    close: async () => {}
  } satisfies { -readonly [name in keyof Storage]: Storage[name] } as { -readonly [name in keyof Storage]: Storage[name] }
}

/** The ring of a process that has it in force, or with `isServed` false has only switched to it. */
export async function installedRing (ring: Ring, isServed = true): Promise<CopyingPorts['ring']> {
  const installed = createInstalledRing()
  await installed.switchTo(ring)
  if (isServed) installed.serve(ring)
  return Object.assign(installed, { node: NODE, install: async () => {}, isBehind: () => false, hasKeeper: () => true })
}

/** An application whose other nodes answer a pull with an end alone; `remembers` says for which they remember. */
export async function fakeCopying (ring: Ring, remembers: (node: string) => boolean) {
  const storage = fakeStorage()
  const channel = (node: string) => ({
    stream: async () => ({ headers: {}, body: (async function * () { yield encodeEnd({ pairs: 0, remembers: remembers(node) }) })() }),
    greet: async () => {}
  })
  const app = {
    storage,
    ring: await installedRing(ring),
    peers: { channel },
    pace: { observe () {}, restMs: () => 0, share: 1 },
    clock: { wallMs: () => 1000 },
    log: pino({ level: 'silent' })
  } as unknown as CopyingPorts
  return { app, storage }
}
