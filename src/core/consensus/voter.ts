// A voter on the next ring: what it promised and accepted in the instance of Paxos that decides on the ring
// after its present one. The votes have to be on the disk before the answer is sent; a voter that has lost
// them says so.

import { digestOf } from '../ring/digest.ts'
import { compareRings, type Ring, type RingId } from '../ring/ring.ts'
import { parseRing, ringToJson } from '../ring/ring-json.ts'
import { KvError } from '../../errors.ts'

/** Ballots are ordered by round, then by a number drawn anew for each, so no two are the same. */
export interface Ballot {
  readonly round: number
  readonly tie: number
}

export interface Accepted {
  readonly ballot: Ballot
  readonly ring: Ring
}

/** Votes that were written before there were digests have none. */
export interface RingName extends RingId {
  readonly digest?: string
}

export interface Votes {
  /** Drawn when there are no votes to go on from. A promise binds an accept request only within one life. */
  readonly life: number
  /** True while this voter may have voted before in ways that it does not know. */
  readonly forgetful: boolean
  /**
   * True once it is known that nobody can have voted on what comes after the successor: from then on this
   * voter is not forgetful.
   */
  readonly fresh?: boolean
  /** The ring that the votes are about the successor of. */
  readonly after?: RingName
  readonly promised?: Ballot
  readonly accepted?: Accepted
}

/** A prepare request, or with `accept` an accept request. */
export interface VoteRequest {
  /** The ring whose successor is decided on. */
  readonly present: Ring
  readonly ballot: Ballot
  readonly accept?: {
    readonly ring: Ring
    /** The life in which this voter promised the ballot. */
    readonly life: number
    /** True if, as far as the promises tell, nothing can have been decided before this ballot. */
    readonly fresh: boolean
  }
}

export type VoteAnswer =
  | {
      readonly kind: 'promised'
      readonly life: number
      readonly forgetful: boolean
      readonly accepted?: Accepted
    }
  | { readonly kind: 'accepted' }
  /** A higher ballot was promised. */
  | { readonly kind: 'refused'; readonly round: number }
  /** The successor is decided: this ring, or one before it. */
  | { readonly kind: 'ahead'; readonly ring: Ring }
  /** No answer, or none that says anything. */
  | { readonly kind: 'silent' }

export function compareBallots(a: Ballot, b: Ballot): number {
  return a.round - b.round || a.tie - b.tie
}

/** The answer of a voter whose ring is `request.present`, and its votes from then on. */
export function vote(
  before: Votes,
  request: VoteRequest
): { readonly votes: Votes; readonly answer: VoteAnswer } {
  const { life, forgetful } = before
  const { after } = before
  const order = after === undefined ? -1 : compareRings(after, request.present)
  // A voter whose ring is older than what it has voted on, or has other content, has lost that ring, and must
  // not vote in its stead what it voted already.
  const isOther = order === 0 && after?.digest !== undefined && after.digest !== digestOf(request.present)
  if (order > 0 || isOther) return { votes: before, answer: { kind: 'refused', round: 0 } }
  const votes: Votes =
    order === 0
      ? before
      : { life, forgetful: forgetful && before.fresh !== true, after: nameOf(request.present) }
  const { promised, accepted } = votes
  const ballots = promised === undefined ? 1 : compareBallots(request.ballot, promised)
  const refused = { votes, answer: { kind: 'refused', round: promised?.round ?? 0 } } as const
  if (request.accept === undefined) {
    if (ballots <= 0) return refused
    const answer = {
      kind: 'promised',
      life,
      forgetful: votes.forgetful,
      ...(accepted && { accepted })
    } as const
    return { votes: { ...votes, promised: request.ballot }, answer }
  }
  if (ballots < 0 || request.accept.life !== life) return refused
  const { ring, fresh } = request.accept
  // Where nothing was decided before, nobody can have voted on what comes after. In this instance it goes on
  // being forgetful: others may still hold promises of an earlier life.
  return {
    votes: {
      ...votes,
      ...((votes.fresh === true || (votes.forgetful && fresh)) && { fresh: true }),
      promised: request.ballot,
      accepted: { ballot: request.ballot, ring }
    },
    answer: { kind: 'accepted' }
  }
}

function nameOf(ring: Ring): RingName {
  return { generation: ring.generation, epoch: ring.epoch, digest: digestOf(ring) }
}

const fromRing = (ring: Ring) => JSON.stringify(ringToJson(ring))
const spell = (accepted: Accepted) => ({ ballot: accepted.ballot, ring: fromRing(accepted.ring) })

export function votesToText({ accepted, ...votes }: Votes): string {
  return JSON.stringify({ ...votes, ...(accepted && { accepted: spell(accepted) }) })
}

/** Throws `KV_ERR_RING_INVALID` on text that `votesToText` cannot have made. */
export function parseVotes(text: string): Votes {
  const json = parseObject(text)
  return {
    life: number(json.life),
    forgetful: boolean(json.forgetful),
    ...(json.fresh !== undefined && { fresh: boolean(json.fresh) }),
    ...(json.after !== undefined && { after: parseName(json.after) }),
    ...(json.promised !== undefined && { promised: parseBallot(json.promised) }),
    ...(json.accepted !== undefined && { accepted: parseAccepted(json.accepted) })
  }
}

export function requestToText({ present, ballot, accept }: VoteRequest): string {
  return JSON.stringify({
    present: fromRing(present),
    ballot,
    ...(accept && { accept: { ...accept, ring: fromRing(accept.ring) } })
  })
}

/** Throws `KV_ERR_RING_INVALID` on text that `requestToText` cannot have made. */
export function parseRequest(text: string): VoteRequest {
  const json = parseObject(text)
  const request = { present: ringOf(json.present), ballot: parseBallot(json.ballot) }
  if (json.accept === undefined) return request
  const { ring, life, fresh } = object(json.accept)
  const successor = ringOf(ring)
  if (successor.generation !== request.present.generation || successor.epoch !== request.present.epoch + 1) {
    throw invalid()
  }
  return { ...request, accept: { ring: successor, life: number(life), fresh: boolean(fresh) } }
}

export function answerToText(answer: VoteAnswer): string {
  if (answer.kind === 'ahead') return JSON.stringify({ kind: 'ahead', ring: fromRing(answer.ring) })
  if (answer.kind === 'promised') {
    return JSON.stringify({ ...answer, ...(answer.accepted && { accepted: spell(answer.accepted) }) })
  }
  return JSON.stringify(answer)
}

/** Throws `KV_ERR_RING_INVALID` on text that `answerToText` cannot have made. */
export function parseAnswer(text: string): VoteAnswer {
  const json = parseObject(text)
  switch (json.kind) {
    case 'promised': {
      const accepted = json.accepted === undefined ? {} : { accepted: parseAccepted(json.accepted) }
      return { kind: 'promised', life: number(json.life), forgetful: boolean(json.forgetful), ...accepted }
    }
    case 'accepted':
      return { kind: 'accepted' }
    case 'refused':
      return { kind: 'refused', round: number(json.round) }
    case 'ahead':
      return { kind: 'ahead', ring: ringOf(json.ring) }
    default:
      throw invalid()
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return object(JSON.parse(text))
  } catch {
    throw invalid()
  }
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw invalid()
  return value as Record<string, unknown>
}

function number(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw invalid()
  return value as number
}

function boolean(value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid()
  return value
}

function parseName(value: unknown): RingName {
  const { generation, epoch, digest } = object(value)
  if (digest !== undefined && typeof digest !== 'string') throw invalid()
  return { generation: number(generation), epoch: number(epoch), ...(digest !== undefined && { digest }) }
}

function parseBallot(value: unknown): Ballot {
  const { round, tie } = object(value)
  return { round: number(round), tie: number(tie) }
}

function parseAccepted(value: unknown): Accepted {
  const { ballot, ring } = object(value)
  return { ballot: parseBallot(ballot), ring: ringOf(ring) }
}

function ringOf(value: unknown): Ring {
  if (typeof value !== 'string') throw invalid()
  return parseRing(value)
}

function invalid(): KvError {
  return new KvError('KV_ERR_RING_INVALID', 'these are no votes')
}
