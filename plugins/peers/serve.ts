// What a frame of another node leads to here: the rings are settled first, then each operation is carried out
// on this node's replica.

import { type FastifyInstance } from 'fastify'
import { digestOf } from '../../src/core/ring/digest.ts'
import { FRAME_OPS_AT_ONCE, REPLY_BYTES } from './limits.ts'
import { recordBytes } from '../../src/core/pairs/record.ts'
import { adopts, compareRings } from '../../src/core/ring/ring.ts'
import { parseRing } from '../../src/core/ring/ring-json.ts'
import {
  NO_ROOM,
  type Answer,
  type Operation,
  type FrameReply,
  type FrameRequest,
  type Verdict
} from '../../src/core/messages/frame.ts'

export type ServerPorts = Pick<FastifyInstance, 'ring' | 'replica'> & {
  wallMs(): number
  /** Told of a sender that has another ring of this number; a frame does not tell who. */
  split(): void
}

/** Throws what an install throws, and `KV_ERR_RING_INVALID`. */
export function createServer({
  ring,
  replica,
  wallMs,
  split
}: ServerPorts): (request: FrameRequest) => Promise<FrameReply> {
  /** Who greets this node wants to know its time too. */
  function replyTo(
    { operations }: FrameRequest,
    verdict: Verdict,
    ringJson: string | undefined,
    answers: readonly Answer[]
  ): FrameReply {
    return { verdict, ringJson, clockMs: operations.length === 0 ? wallMs() : undefined, answers }
  }

  /**
   * Takes over the sender's ring if it is newer and this node may; undefined: both have the same ring now.
   */
  async function settleRings(request: FrameRequest): Promise<FrameReply | undefined> {
    const order = ring.view === undefined ? -1 : compareRings(ring.view.ring, request.ring)
    if (order > 0) return replyTo(request, 'ahead', ring.view?.json, [])
    if (order < 0) {
      if (request.ringJson === undefined) return replyTo(request, 'behind', undefined, [])
      const offered = parseRing(request.ringJson)
      if (!adopts(ring.node, ring.view?.ring, offered)) return replyTo(request, 'foreign', undefined, [])
      await ring.install(offered)
    }
    return splitFrom(request)
  }

  /** Undefined: the sender has no other ring with the number of this one. */
  function splitFrom(request: FrameRequest): FrameReply | undefined {
    const { view } = ring
    if (
      view === undefined ||
      compareRings(view.ring, request.ring) !== 0 ||
      digestOf(view.ring) === request.digest
    ) {
      return undefined
    }
    split()
    return replyTo(request, 'split', view.json, [])
  }

  async function carryOutAll(request: FrameRequest): Promise<FrameReply> {
    const { ring: id, operations } = request
    let bytes = 0
    const answers: Answer[] = []

    async function carryOut({ slot, key, record }: Operation): Promise<Answer> {
      if (record !== undefined) return replica.merge(id, slot, key, record)
      if (bytes > REPLY_BYTES) return NO_ROOM
      const answer = await replica.get(id, slot, key)
      if (answer.kind !== 'found') return answer
      bytes += recordBytes(answer.record)
      return bytes > REPLY_BYTES ? NO_ROOM : answer
    }

    while (answers.length < operations.length) {
      answers.push(
        ...(await Promise.all(
          operations.slice(answers.length, answers.length + FRAME_OPS_AT_ONCE).map(carryOut)
        ))
      )
    }
    return replyTo(request, 'served', undefined, answers)
  }

  return async request => (await settleRings(request)) ?? carryOutAll(request)
}
