// What a connection to Memcached offers, and what it answers.

import { type Failed } from '../../core/ports.ts'
import { type Verb } from './flight.ts'
import { type Reply, type StatsReply, type ValueReply, type WordReply } from './protocol.ts'

export type Word<K extends WordReply['kind']> = { readonly kind: K }

export type GetReply = ValueReply | Word<'miss'> | Failed

export type AddReply = Word<'stored' | 'not-stored' | 'full'> | Failed

export type CasReply = Word<'stored' | 'exists' | 'not-found' | 'full'> | Failed

export type DeleteReply = Word<'deleted' | 'not-found'> | Failed

export type DiscardReply = Word<'deleted' | 'exists' | 'not-found'> | Failed

/**
 * Every callback is called once, at the latest when the connection ends, and possibly before the method
 * returns.
 */
export interface Connection {
  /**
   * `ready` once the instance has told who it is and whether it has the sentinel; commands before that wait
   * for it.
   */
  readonly state: 'connecting' | 'ready' | 'closed'
  /** Tells one run of Memcached from the next; empty before `ready`. */
  readonly instance: string
  /** True while it is ready and commands wait for the end of this tick to be written together. */
  readonly gathers: boolean
  /** Commands that wait for their answers. */
  readonly inFlight: number
  get(name: string, done: (reply: GetReply) => void): void
  gets(name: string, done: (reply: GetReply) => void): void
  add(name: string, expiryS: number, body: Buffer, done: (reply: AddReply) => void): void
  cas(name: string, expiryS: number, body: Buffer, cas: string, done: (reply: CasReply) => void): void
  delete(name: string, done: (reply: DeleteReply) => void): void
  discard(name: string, cas: string, done: (reply: DiscardReply) => void): void
  stats(done: (reply: StatsReply | Failed) => void): void
  destroy(): void
}

export interface ConnectionEvents {
  /** The connection can be used. `ring` is what the instance holds under the ring's name. */
  ready(ring: Buffer | undefined): void
  /** Called once; `why` is for the log. `silent`: a command had no answer in time. */
  closed(why: string, silent: boolean): void
}

export const ANSWERS: Record<Verb, ReadonlySet<Reply['kind']>> = {
  get: new Set<Reply['kind']>(['value', 'miss']),
  add: new Set<Reply['kind']>(['stored', 'not-stored', 'full']),
  cas: new Set<Reply['kind']>(['stored', 'exists', 'not-found', 'full']),
  delete: new Set<Reply['kind']>(['deleted', 'not-found']),
  discard: new Set<Reply['kind']>(['deleted', 'exists', 'not-found']),
  stats: new Set<Reply['kind']>(['stats'])
}
