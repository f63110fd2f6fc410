// Every call between the primary and a worker: what workers ask of the keeper, what the keeper asks of a
// worker, and how the arguments and results of each travel. Each side implements its interface once; the
// channel only forwards.

import {
  answerToText,
  parseAnswer,
  parseRequest,
  requestToText,
  type VoteAnswer,
  type VoteRequest
} from '../core/consensus/voter.ts'
import { type Progress } from '../core/copying/progress.ts'
import { type Ring, type RingId } from '../core/ring/ring.ts'
import { parseRing, ringToJson } from '../core/ring/ring-json.ts'
import { type Seed } from '../core/ring/seed.ts'
import { type Fetching } from '../keeper/workers.ts'
import { IPC_DEADLINE_MS, PROPOSAL_DEADLINE_MS } from '../limits.ts'
import { type Handlers, type Ipc } from './ipc.ts'

/** What a worker asks of the primary. The keeper's methods are as in `Keeper`. */
export interface KeeperCalls {
  /** The worker is ready for its ring; resolves when it serves. */
  join: () => Promise<void>
  /** The worker cannot listen, for this reason, and is about to end. */
  cannotListen: (reason: string) => Promise<void>
  /** A sign of life. */
  beat: () => Promise<void>
  install: (ring: Ring) => Promise<void>
  seed: (seed: Seed) => Promise<void>
  vote: (request: VoteRequest) => Promise<VoteAnswer>
  isNew: (ring: Ring) => Promise<boolean>
  waitsFor: () => Promise<string | undefined>
  isTidy: () => Promise<boolean>
  progress: () => Promise<Progress | undefined>
  report: (progress: Progress) => Promise<void>
}

/** What the primary asks of a worker. The methods are as in `WorkerHandle`. */
export interface WorkerCalls {
  /** A sign of life. */
  beat: () => Promise<void>
  switchTo: (ring: Ring) => Promise<void>
  serve: (id: RingId) => Promise<void>
  recheck: () => Promise<void>
  isNew: (ring: Ring) => Promise<boolean>
  fetch: (what: { readonly ring: Ring; readonly forgotten: boolean }) => Promise<Fetching>
  renew: (ring: Ring) => Promise<void>
  receive: (ring: Ring) => Promise<boolean>
  purge: (ring: Ring) => Promise<boolean>
}

interface Codec<T> {
  encode(value: T): string
  decode(text: string): T
}

interface Call<A, R> {
  readonly argument: Codec<A>
  readonly result: Codec<R>
  readonly deadlineMs: number
}

/**
 * How each call travels; a call that is renamed or changed in its interface only is no longer a `Table` of
 * it.
 */
export type Table<C> = {
  readonly [N in keyof C]: C[N] extends (argument: infer A) => Promise<infer R> ? Call<A, R> : never
}

const NOTHING = { encode: () => '', decode: () => undefined }
const TEXT: Codec<string> = { encode: text => text, decode: text => text }
const YES: Codec<boolean> = { encode: String, decode: text => text === 'true' }
const RING: Codec<Ring> = { encode: ring => JSON.stringify(ringToJson(ring)), decode: parseRing }
/** What both ends of one release make of an object. */
const json = <T>(): Codec<T> => ({
  encode: value => JSON.stringify(value ?? null),
  decode: text => JSON.parse(text) as T
})
const maybe = <T>({ encode, decode }: Codec<T>): Codec<T | undefined> => ({
  encode: value => (value === undefined ? '' : `=${encode(value)}`),
  decode: text => (text === '' ? undefined : decode(text.slice(1)))
})
const FETCH: Codec<{ readonly ring: Ring; readonly forgotten: boolean }> = {
  encode: ({ ring, forgotten }) => `${forgotten ? '+' : '-'}${RING.encode(ring)}`,
  decode: text => ({ forgotten: text.startsWith('+'), ring: RING.decode(text.slice(1)) })
}

function call<A, R>(argument: Codec<A>, result: Codec<R>, deadlineMs = IPC_DEADLINE_MS): Call<A, R> {
  return { argument, result, deadlineMs }
}

export const KEEPER_CALLS: Table<KeeperCalls> = {
  join: call(NOTHING, NOTHING),
  cannotListen: call(TEXT, NOTHING),
  beat: call(NOTHING, NOTHING, Infinity),
  install: call(RING, NOTHING),
  seed: call(json<Seed>(), NOTHING),
  vote: call({ encode: requestToText, decode: parseRequest }, { encode: answerToText, decode: parseAnswer }),
  isNew: call(RING, YES),
  waitsFor: call(NOTHING, maybe(TEXT)),
  isTidy: call(NOTHING, YES),
  progress: call(NOTHING, maybe(json<Progress>())),
  report: call(json<Progress>(), NOTHING)
}

// Copying takes as long as there is to copy. Each step of it has a deadline of its own, and a worker that is
// silent is ended; to begin again beside it would undo its work.
export const WORKER_CALLS: Table<WorkerCalls> = {
  beat: call(NOTHING, NOTHING, Infinity),
  switchTo: call(RING, NOTHING),
  serve: call(json<RingId>(), NOTHING),
  recheck: call(NOTHING, NOTHING),
  isNew: call(RING, YES),
  fetch: call(FETCH, json<Fetching>(), Infinity),
  renew: call(RING, NOTHING, PROPOSAL_DEADLINE_MS),
  receive: call(RING, YES, Infinity),
  purge: call(RING, YES, Infinity)
}

type AnyCalls<C> = { readonly [N in keyof C]: (argument: never) => Promise<unknown> }
type Loose = Readonly<Record<string, Call<unknown, unknown>>>

/** The calls of the other side. They throw what it threw, and `KV_ERR_INSTALL` when it is gone or late. */
export function callsOver<C extends AnyCalls<C>>(ipc: Ipc, table: Table<C>): C {
  const calls = Object.entries(table as unknown as Loose).map(([name, { argument, result, deadlineMs }]) => [
    name,
    async (value: unknown) => result.decode(await ipc.call(name, argument.encode(value), deadlineMs))
  ])
  return Object.fromEntries(calls) as C
}

/** Answers the calls of the other side. */
export function handlersOf<C extends AnyCalls<C>>(table: Table<C>, calls: C): Handlers {
  const all = calls as unknown as Readonly<Record<string, (argument: unknown) => Promise<unknown>>>
  return Object.fromEntries(
    Object.entries(table as unknown as Loose).map(([name, { argument, result }]) => [
      name,
      async (text: string) => result.encode(await all[name]?.(argument.decode(text)))
    ])
  )
}
