// Random values of the core's types, valid ones only: what a test wants to be wrong, it makes wrong itself.

import fc from 'fast-check'
import { failed, FENCED, MISS, STORED, type FailureReason, type Pair } from '../../../src/core/ports.ts'
import { type PairRecord } from '../../../src/core/pairs/record.ts'
import { type Ring, type Token } from '../../../src/core/ring/ring.ts'
import { type Version } from '../../../src/core/pairs/version.ts'
import {
  type Accepted,
  type Ballot,
  type VoteAnswer,
  type VoteRequest,
  type Votes
} from '../../../src/core/consensus/voter.ts'
import {
  NO_ROOM,
  type Answer,
  type Operation,
  type FrameReply,
  type FrameRequest,
  type Verdict
} from '../../../src/core/messages/frame.ts'

/** An object with the usual prototype, as literals have it. */
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(fields, { noNullPrototype: true })

/** The last millisecond of the year 9999. */
export const LAST_MS = 253_402_300_799_999

/** Times are often equal, so that counter and writer decide. */
export const versions: fc.Arbitrary<Version> = record({
  timeMs: fc.oneof(fc.nat(3), fc.integer({ min: 0, max: LAST_MS })),
  counter: fc.oneof(fc.nat(2), fc.nat(0xffff)),
  writer: fc.oneof(fc.nat(2), fc.integer({ min: 0, max: 2 ** 48 - 1 }))
})

/** Text of any characters, of at most so many bytes. */
export const texts = (maxLength: number) =>
  fc.string({ unit: 'binary', maxLength }).filter(text => text.isWellFormed())

export const keys: fc.Arbitrary<string> = texts(40).filter(key => key !== '')

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map(array => Buffer.from(array))

const latin1 = fc.oneof(
  fc.constantFrom('', 'é'.repeat(256)),
  bytes(20).map(buffer => buffer.toString('latin1'))
)

export const records: fc.Arbitrary<PairRecord> = record({
  version: versions,
  deleted: fc.boolean(),
  expiresAtMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 48 - 1 })),
  contentType: latin1,
  value: bytes(60)
}).map(it => (it.deleted ? { ...it, value: Buffer.alloc(0) } : it))

export const slots = fc.nat(9_999)

export const pairs: fc.Arbitrary<Pair> = record({ slot: slots, key: keys, record: records })

export const nodes = fc.oneof(
  fc.constantFrom('a:1', 'b:2', 'c:3', 'd:4', 'e:5'),
  fc
    .tuple(fc.constantFrom('10.0.0.1', 'node-1.example', '[::1]', 'X'), fc.integer({ min: 1, max: 65_535 }))
    .map(([host, port]) => `${host}:${port}`)
)

/** Tokens in ascending order, no position twice; often a few nodes with several each. */
export const tokenLists = (maxLength = 12): fc.Arbitrary<Token[]> =>
  fc
    .uniqueArray(record({ position: fc.oneof(fc.constantFrom(0, 9_999), slots), node: nodes }), {
      minLength: 1,
      maxLength,
      selector: ({ position }) => position
    })
    .map(tokens => tokens.sort((a, b) => a.position - b.position))

const base = {
  generation: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
  epoch: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  replicas: fc.integer({ min: 1, max: 16 }),
  tokens: tokenLists()
}

export const stableRings: fc.Arbitrary<Ring> = fc
  .tuple(record(base), fc.option(fc.nat(), { nil: undefined }))
  .map(([ring, before]) => ({
    ...ring,
    ...(before !== undefined && { since: Math.max(1, ring.epoch - before) })
  }))

const namesOf = (tokens: readonly Token[]) => [...new Set(tokens.map(({ node }) => node))]

/** Some of the names, in any order. */
const some = (names: readonly string[], minLength: number, maxLength: number) =>
  fc.shuffledSubarray([...names], { minLength, maxLength })

/** Rings in a change, most without a node that is gone; at least one member is left. */
export const changingRings: fc.Arbitrary<Ring & { next: readonly Token[] }> = fc
  .tuple(record(base), tokenLists(), fc.nat())
  .chain(([ring, next, before]) => {
    const members = namesOf(ring.tokens)
    return fc
      .tuple(
        some(namesOf(next), 1, namesOf(next).length),
        fc.oneof(fc.constant([]), some(members, 0, members.length - 1))
      )
      .map(([pending, gone]) => ({
        ...ring,
        next,
        pending,
        since: Math.max(1, ring.epoch - before),
        ...(gone.length > 0 && { gone })
      }))
  })

export const rings: fc.Arbitrary<Ring> = fc.oneof(stableRings, changingRings)

const ballots: fc.Arbitrary<Ballot> = record({
  round: fc.nat(),
  tie: fc.integer({ min: 0, max: 2 ** 48 - 1 })
})

export const digests = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map(bytes => Buffer.from(bytes).toString('hex'))

const accepted: fc.Arbitrary<Accepted> = record({ ballot: ballots, ring: rings })

const lives = fc.integer({ min: 0, max: 2 ** 48 - 1 })

/** An object with only some of the fields. */
const partly = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> =>
  fc.record<T, never>(fields, { noNullPrototype: true, requiredKeys: [] }) as fc.Arbitrary<Partial<T>>

export const votes: fc.Arbitrary<Votes> = fc
  .tuple(
    record({ life: lives, forgetful: fc.boolean() }),
    partly({
      fresh: fc.boolean(),
      after: fc.oneof(
        record({ generation: base.generation, epoch: base.epoch }),
        record({ generation: base.generation, epoch: base.epoch, digest: digests })
      ),
      promised: ballots,
      accepted
    })
  )
  .map(([always, sometimes]) => ({ ...always, ...sometimes }))

export const voteRequests: fc.Arbitrary<VoteRequest> = fc
  .tuple(
    rings.filter(({ epoch }) => epoch < 2 ** 32 - 1),
    ballots,
    fc.option(fc.tuple(rings, lives, fc.boolean()))
  )
  .map(([present, ballot, accept]) => {
    if (accept === null) return { present, ballot }
    const [ring, life, fresh] = accept
    return {
      present,
      ballot,
      accept: {
        ring: {
          ...ring,
          generation: present.generation,
          epoch: present.epoch + 1,
          ...(ring.since !== undefined && { since: 1 })
        },
        life,
        fresh
      }
    }
  })

export const voteAnswers: fc.Arbitrary<VoteAnswer> = fc.oneof(
  fc
    .tuple(lives, fc.boolean(), fc.option(accepted))
    .map(([life, forgetful, accepted]): VoteAnswer => ({
      kind: 'promised',
      life,
      forgetful,
      ...(accepted && { accepted })
    })),
  fc.constant<VoteAnswer>({ kind: 'accepted' }),
  fc.nat().map((round): VoteAnswer => ({ kind: 'refused', round })),
  rings.map((ring): VoteAnswer => ({ kind: 'ahead', ring }))
)

export const ringTexts = fc.option(texts(50), { nil: undefined })

const operations: fc.Arbitrary<Operation> = record({
  slot: slots,
  key: keys,
  record: fc.option(records, { nil: undefined })
})

export const requests: fc.Arbitrary<FrameRequest> = record({
  ring: record({ generation: base.generation, epoch: base.epoch }),
  digest: digests,
  ringJson: ringTexts,
  operations: fc.array(operations, { maxLength: 6 })
})

const reasons: readonly FailureReason[] = [
  'unreachable',
  'overloaded',
  'timeout',
  'full',
  'recovering',
  'not-replica'
]

const answers: fc.Arbitrary<Answer> = fc.oneof(
  fc.constantFrom<Answer>(MISS, STORED, FENCED, NO_ROOM, ...reasons.map(failed)),
  records.map((found): Answer => ({ kind: 'found', record: found })),
  versions.map((version): Answer => ({ kind: 'stale', version }))
)

export const replies: fc.Arbitrary<FrameReply> = record({
  verdict: fc.constantFrom<Verdict[]>('served', 'behind', 'ahead', 'foreign', 'split'),
  ringJson: ringTexts,
  clockMs: fc.option(fc.integer({ min: 0, max: 2 ** 48 - 1 }), { nil: undefined }),
  answers: fc.array(answers, { maxLength: 6 })
})

/** A buffer with a few of its bytes changed. */
export const damaged = (whole: Buffer): fc.Arbitrary<Buffer> =>
  fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }).map(changes => {
    const copy = Buffer.from(whole)
    for (const [at, byte] of changes) if (copy.length > 0) copy[at % copy.length] = byte
    return copy
  })
