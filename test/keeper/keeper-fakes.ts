// A keeper with nothing real around it: a ring record, a ring file and workers that the test directs and
// reads. Its interval is mocked, so the test says when it looks at the record.

import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { type Test } from 'tap'
import { createKeeper, type NodeKeeper } from '../../src/keeper/keeper.ts'
import { type WorkerHandle } from '../../src/keeper/workers.ts'
import { noStateFiles } from '../../src/keeper/state-file.ts'
import { KvError } from '../../src/errors.ts'
import { RECONCILE_MS } from '../../src/limits.ts'
import { RECOVERING_MARK, type RingRecord } from '../../src/core/ports.ts'
import { type Timers } from '../../src/core/quorum/deadline.ts'
import { renewed } from '../../src/core/ring/change.ts'
import { type Ring, type RingId } from '../../src/core/ring/ring.ts'
import { sentinelText } from '../../src/core/ring/sentinel.ts'

export const NODE = '127.0.0.1:5001'
export const OTHER = '127.0.0.1:5002'

/** A ring of the given nodes, at tokens 1000, 2000, ... */
export function ringOf(epoch: number, nodes: readonly string[] = [NODE, OTHER], generation = 7): Ring {
  return {
    generation,
    epoch,
    replicas: 2,
    tokens: nodes.map((node, i) => ({ position: 1000 * (i + 1), node }))
  }
}

/** The wall time of the tests, unless they move it. */
export const NOW_MS = 1_000_000

/** The ring record as it is when the node has just looked at everything that the others hold. */
export const textOf = (ring: Ring, repairedMs = NOW_MS) => sentinelText({ ring, repairedMs })

/** A ring record as Memcached keeps it. `calls` tells what was asked of it. */
export function fakeRecord() {
  const fake = {
    text: undefined as string | undefined,
    unreachable: false,
    /** Awaited by each call before it looks. */
    gate: Promise.resolve(),
    calls: [] as string[]
  }
  async function call<T>(name: string, action: () => T): Promise<T> {
    fake.calls.push(name)
    await fake.gate
    if (fake.unreachable) throw new KvError('KV_ERR_STORAGE')
    return action()
  }
  const record: RingRecord = {
    read: () => call('read', () => fake.text),
    add: text =>
      call(`add ${text === RECOVERING_MARK ? 'mark' : 'ring'}`, () => {
        if (fake.text !== undefined) return false
        fake.text = text
        return true
      }),
    replace: text =>
      call(`replace ${text === RECOVERING_MARK ? 'mark' : 'ring'}`, () => {
        if (fake.text === undefined) return false
        fake.text = text
        return true
      }),
    close() {
      fake.calls.push('close')
    }
  }
  return Object.assign(fake, {
    record,
    writes: () => fake.calls.filter(name => /^(?:add|replace)/.test(name))
  })
}

/** A worker that does at once what it is told. A test replaces what it is to do otherwise. */
export function fakeWorker() {
  const worker = {
    calls: [] as string[],
    onSwitch: async (_ring: Ring) => {},
    onIsNew: async (_ring: Ring) => true,
    onRecover: async (_ring: Ring) => true,
    onRepair: async (_ring: Ring) => true,
    /** Does what the members would agree on. A keeper that has the worker puts this in place. */
    onRenew: async (_ring: Ring) => {},
    onReceive: async (_ring: Ring) => true,
    onPurge: async (_ring: Ring) => true
  }
  const port: WorkerHandle = {
    async switchTo(ring) {
      worker.calls.push(`switchTo ${ring.epoch}`)
      await worker.onSwitch(ring)
    },
    serve(id: RingId) {
      worker.calls.push(`serve ${id.epoch}`)
    },
    async recheck() {
      worker.calls.push('recheck')
    },
    isNew: ring => worker.onIsNew(ring),
    async fetch(ring, forgotten) {
      worker.calls.push(`${forgotten ? 'recover' : 'repair'} ${ring.epoch}`)
      return { complete: await (forgotten ? worker.onRecover(ring) : worker.onRepair(ring)) }
    },
    async renew(ring) {
      await worker.onRenew(ring)
    },
    async receive(ring) {
      worker.calls.push(`receive ${ring.epoch}`)
      return worker.onReceive(ring)
    },
    async purge(ring) {
      return worker.onPurge(ring)
    },
    kill() {
      worker.calls.push('kill')
    }
  }
  return Object.assign(worker, { port })
}

export interface FakeKeeper {
  readonly keeper: NodeKeeper
  readonly record: ReturnType<typeof fakeRecord>
  readonly worker: ReturnType<typeof fakeWorker>
  /** The rings in the order in which they were written to the file. */
  readonly files: Ring[]
  /** The wall time; a test may move it. */
  readonly clock: { nowMs: number }
  /** One look at the record, to its end. */
  tick(): Promise<void>
}

/** A keeper that has started and has one worker. `file` and `text` are what it finds. */
export async function startKeeper(
  t: Test,
  { file, text, timers }: { readonly file?: Ring; readonly text?: string; readonly timers?: Timers } = {}
): Promise<FakeKeeper> {
  mock.timers.enable({ apis: ['setInterval'] })
  const record = fakeRecord()
  record.text = text
  const worker = fakeWorker()
  const files: Ring[] = []
  const clock = { nowMs: NOW_MS }
  const keeper = createKeeper({
    node: NODE,
    files: {
      ...noStateFiles,
      ring: {
        read: async () => file,
        write: async ring => {
          files.push(ring)
        }
      }
    },
    record: record.record,
    log: pino({ level: 'silent' }),
    nowMs: () => clock.nowMs,
    ...(timers !== undefined && { timers })
  })
  t.teardown(async () => {
    await keeper.close()
    mock.timers.reset()
  })
  await keeper.start()
  await join(keeper, worker)
  async function tick(): Promise<void> {
    mock.timers.tick(RECONCILE_MS)
    await settle()
  }
  return { keeper, record, worker, files, clock, tick }
}

/** Gives the keeper the worker, which agrees with itself on every ring that is to be renewed. */
export async function join(keeper: NodeKeeper, worker: ReturnType<typeof fakeWorker>): Promise<void> {
  worker.onRenew = async ring => {
    if (keeper.ring?.epoch === ring.epoch) await keeper.install(renewed(ring))
  }
  await keeper.addWorker(worker.port)
}

/** Lets everything run that waits for nothing from outside. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn()
}

/** Keeps this process busy for so long. */
export function pass(ms: number): void {
  const beganMs = performance.now()
  while (performance.now() - beganMs < ms);
}
