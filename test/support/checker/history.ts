// Records what concurrent clients did to a store, in the order in which it began and ended, and hands each
// key's share to the checker. The clients choose by seeded chance, so that a run's choices can be made again.

import { checkRegister, type Operation } from './linearizability.ts'

/** What a client is about to do. `value` is there for a write only, and unique. */
export interface Call {
  readonly kind: Operation['kind']
  readonly key: string
  readonly value?: string | undefined
}

/**
 * How it went. `ok`: done, and a read found `value` or, undefined, nothing. `failed`: for certain without an
 * effect, now and later. `unknown`: anything else, such as a deadline, a reset or a 503 that says so.
 */
export type Outcome =
  | { readonly kind: 'ok'; readonly value?: string | undefined }
  | { readonly kind: 'failed' }
  | { readonly kind: 'unknown' }

export interface Violation {
  readonly key: string
  readonly reason: string
  readonly window: readonly Operation[]
}

export interface History {
  /** Notes that a client begins; the function that it returns notes, once, how it went. */
  invoke(client: number, call: Call): (outcome: Outcome) => void
  /** The operations on a key that may have had an effect; those that never ended count as unknown. */
  operations(key: string): Operation[]
  keys(): string[]
  /** How many operations ended in which way, over all keys; to make sure that a run has done something. */
  tally(): Record<Outcome['kind'], number>
  /** The keys whose history no register explains. */
  violations(): Violation[]
}

interface Entry {
  readonly call: Call
  readonly client: number
  readonly invokedAt: number
  readonly invokedMs: number
  ended: Ended | undefined
}
interface Ended {
  readonly at: number
  readonly ms: number
  readonly outcome: Outcome
}

/**
 * An empty history. Order is that of the calls on the history itself, which in one process is the order of
 * time without ties; `nowMs` only labels the report, and may be a simulation's clock.
 */
export function createHistory(nowMs: () => number = () => performance.now()): History {
  const byKey = new Map<string, Entry[]>()
  const tally = { ok: 0, failed: 0, unknown: 0 }
  const startMs = nowMs()
  let tick = 0

  const history: History = {
    invoke(client, call) {
      const entry: Entry = { call, client, invokedAt: ++tick, invokedMs: nowMs() - startMs, ended: undefined }
      const entries = byKey.get(call.key)
      if (entries === undefined) byKey.set(call.key, [entry])
      else entries.push(entry)
      return outcome => {
        if (entry.ended !== undefined) throw new Error('an operation ended twice')
        entry.ended = { at: ++tick, ms: nowMs() - startMs, outcome }
        tally[outcome.kind]++
      }
    },
    operations: key =>
      (byKey.get(key) ?? []).filter(entry => entry.ended?.outcome.kind !== 'failed').map(toOperation),
    keys: () => [...byKey.keys()],
    tally: () => ({ ...tally }),
    violations() {
      return history.keys().flatMap(key => {
        const verdict = checkRegister(history.operations(key))
        return verdict.linearizable ? [] : [{ key, reason: verdict.reason, window: verdict.window }]
      })
    }
  }
  return history
}

function toOperation({ call, client, invokedAt, invokedMs, ended }: Entry): Operation {
  const outcome = ended?.outcome
  const known = outcome?.kind === 'ok' ? ended : undefined
  const value = call.kind === 'read' ? (outcome?.kind === 'ok' ? outcome.value : undefined) : call.value
  const label = `client ${client}, ${invokedMs.toFixed(3)} to ${known?.ms.toFixed(3) ?? '?'} ms`
  return { kind: call.kind, value, invokedAt, returnedAt: known?.at, label }
}

/** A violation in lines for a person to read. */
export function describeViolation({ key, reason, window }: Violation): string {
  const lines = window.map(({ kind, value, label }) => {
    const what = kind === 'delete' ? '' : kind === 'write' ? ` ${value}` : ` -> ${value ?? 'absent'}`
    return `  ${kind}${what}   (${label ?? 'no label'})`
  })
  return [`key ${key}: ${reason}`, ...lines].join('\n')
}

export interface ClientsOptions {
  readonly history: History
  readonly seed: number
  /** How many clients; each does one operation after the other. */
  readonly clients: number
  readonly keys: readonly string[]
  /** Share of reads and of deletes, 0 to 1; the rest are writes. */
  readonly reads: number
  readonly deletes: number
  /** Asked before each operation of a client, with the number that this client has done. */
  readonly goOn: (done: number) => boolean
  /** Does it. A rejection counts as an unknown outcome. */
  readonly perform: (client: number, call: Call) => Promise<Outcome>
}

/**
 * Runs clients until `goOn` stops each of them. The choices of a client depend on the seed and its number
 * alone.
 */
export async function runClients(options: ClientsOptions): Promise<void> {
  const { history, seed, clients, goOn, perform } = options
  const one = async (client: number): Promise<void> => {
    const chance = createChance(seed * 1_000_003 + client)
    for (let done = 0; goOn(done); done++) {
      const call = choose(options, chance, `${client}.${done}`)
      const end = history.invoke(client, call)
      end(await perform(client, call).catch((): Outcome => ({ kind: 'unknown' })))
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => one(client)))
}

function choose({ keys, reads, deletes }: ClientsOptions, chance: () => number, value: string): Call {
  const key = keys[Math.floor(chance() * keys.length)] as string
  const kind = chance()
  if (kind < reads) return { kind: 'read', key }
  return kind < reads + deletes ? { kind: 'delete', key } : { kind: 'write', key, value }
}

/** Numbers from 0 to 1 (without 1) that depend on the seed alone: a Weyl sequence of 32 bits, mixed. */
export function createChance(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 0x1_0000_0000
  }
}
