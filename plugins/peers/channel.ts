// The channel to one other node. Operations gather while an event-loop tick lasts, and longer while frames
// are under way, and travel as one frame; each gets its own answer. A slow node fills its own channel only.

import { type FastifyBaseLogger } from 'fastify'
import { Pool } from 'undici'
import { digestOf } from '../../src/core/ring/digest.ts'
import { failed, type FailureReason } from '../../src/core/ports.ts'
import { type Ring } from '../../src/core/ring/ring.ts'
import { skewOf, type Skew } from '../../src/core/quorum/skew.ts'
import {
  decodeReply,
  encodeRequest,
  type Answer,
  type Operation,
  type FrameReply
} from '../../src/core/messages/frame.ts'
import { KvError } from '../../src/errors.ts'
import { PEER_DEADLINE_MS } from '../../src/limits.ts'
import { PEER_ASIDES, PEER_FRAMES_IN_FLIGHT } from './limits.ts'
import { createBreaker } from './breaker.ts'
import { createCaller, type Caller } from './caller.ts'
import { createExchange } from './exchange.ts'
import { postFrame } from './frame.ts'
import { createConnector, type HelloOptions } from './hello.ts'
import { createQueue, type Outcome, type Waiting } from './queue.ts'

export interface Channel extends Caller {
  /**
   * Never rejects; settles within the deadlines of queue and frame. With `insist` an open circuit holds it
   * back only if the node does not answer now either.
   */
  send(ring: Ring, operation: Operation, insist?: boolean): Promise<Outcome>
  /** An empty frame: either side learns the newer ring. */
  greet(): Promise<void>
  /**
   * An empty frame that tells the node no ring, only which one this process has: its operator may be about to
   * give it its first one.
   */
  probe(): Promise<void>
  /** True while nothing is under way. */
  readonly idle: boolean
  close(): Promise<void>
}

export interface ChannelOptions extends HelloOptions {
  readonly log: FastifyBaseLogger
  readonly wallMs: () => number
  /** This process's ring, and as JSON for a node that is behind. */
  mine(): { readonly ring: Ring; readonly json: string } | undefined
  install(ring: Ring): Promise<void>
  /** The time for which this process was awake; what waited while it was held up is still sent. */
  awakeMs(): number
  /** Told of every reply to a frame under `ring`. */
  heard(ring: Ring, reply: FrameReply): void
  /** Told what a greeting says of the node's clock. */
  measured(skew: Skew): void
}

const UNREACHABLE = failed('unreachable')

const FRAME_HEADERS = { 'content-type': 'application/octet-stream' }

/** Failures before a connection stood: nothing of the frame can have been carried out. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'KV_ERR_NODE_NAME',
  'KV_ERR_NODE_NOT_READY'
])

/** Failures that took the whole of a deadline to show. */
const SILENT = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT'
])

export function createChannel(options: ChannelOptions): Channel {
  const { node, log, wallMs, mine, install, awakeMs, heard, measured } = options
  const [pool, asides] = [createPool(options, PEER_FRAMES_IN_FLIGHT + 2), createPool(options, PEER_ASIDES)]
  const queue = createQueue(awakeMs)
  let framesInFlight = 0
  let scheduled = false
  const breaker = createBreaker(node, log, probe)
  const exchange = createExchange({ node, log, mine, install, ask })

  function send(ring: Ring, operation: Operation, insist = false): Promise<Outcome> {
    if (insist && !breaker.admits()) {
      return breaker.look().then(answers => (answers ? send(ring, operation) : UNREACHABLE))
    }
    return new Promise(resolve => {
      if (!breaker.admits()) resolve(UNREACHABLE)
      else if (queue.enter(ring, operation, resolve)) schedule()
      else resolve(failed('overloaded'))
    })
  }

  function schedule(): void {
    if (scheduled || framesInFlight >= PEER_FRAMES_IN_FLIGHT) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      while (queue.length > 0 && framesInFlight < PEER_FRAMES_IN_FLIGHT) {
        const frame = takeFrame()
        if (frame.length > 0) carry(frame)
      }
    })
  }

  /** The operations of the next frame, but for those that waited too long. */
  function takeFrame(): Waiting[] {
    const nowMs = awakeMs()
    const open = breaker.admits()
    return queue.takeFrame().filter(waiting => {
      if (open && nowMs - waiting.sinceMs < PEER_DEADLINE_MS) return true
      answer(waiting, failed(waiting.otherwise))
      return false
    })
  }

  function carry(frame: readonly Waiting[]): void {
    framesInFlight++
    exchange(
      (frame[0] as Waiting).ring,
      frame.map(waiting => waiting.operation)
    )
      .then(
        answers => settle(frame, answers),
        error => fail(frame, error)
      )
      .finally(() => {
        framesInFlight--
        if (queue.length > 0) schedule()
      })
  }

  /** What did not fit in the reply is asked for again while its time lasts; each reply has room for some. */
  function settle(frame: readonly Waiting[], answers: readonly Answer[]): void {
    frame.forEach((waiting, i) => {
      const told = answers[i] as Answer
      if (told.kind === 'no-room') queue.return({ ...waiting, otherwise: 'overloaded' })
      else answer(waiting, told)
    })
  }

  /** A get whose connection broke is tried once more; a merge is not, as it may have been carried out. */
  function fail(frame: readonly Waiting[], error: unknown): void {
    const code = codeOf(error)
    const reason: FailureReason = NOT_SENT.has(code) ? 'unreachable' : 'timeout'
    const broke = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET'
    for (const waiting of frame) {
      if (broke && waiting.attempt === 0 && waiting.operation.record === undefined) {
        queue.return({ ...waiting, attempt: 1 })
      } else answer(waiting, failed(reason))
    }
  }

  async function ask(
    ring: Ring,
    ringJson: string | undefined,
    operations: readonly Operation[]
  ): Promise<FrameReply> {
    breaker.move('attempt')
    try {
      const sentMs = performance.now()
      const reply = decodeReply(
        await postFrame(pool, {
          node,
          headers: FRAME_HEADERS,
          body: encodeRequest({ ring, digest: digestOf(ring), ringJson, operations })
        })
      )
      breaker.move('success')
      if (reply.clockMs !== undefined) measured(skewOf(reply.clockMs, wallMs(), performance.now() - sentMs))
      heard(ring, reply)
      return reply
    } catch (error) {
      breaker.move(SILENT.has(codeOf(error)) ? 'silence' : 'failure', (error as Error).message)
      throw error
    }
  }

  async function greet(): Promise<void> {
    const newest = mine()
    if (newest !== undefined && breaker.admits()) await exchange(newest.ring, [])
  }

  /** Resolves if the node answers. */
  async function probe(): Promise<void> {
    const newest = mine()
    if (newest === undefined) throw new KvError('KV_ERR_NO_RING')
    await ask(newest.ring, undefined, [])
  }

  async function close(): Promise<void> {
    breaker.close()
    for (const waiting of queue.takeAll()) answer(waiting, failed('unreachable'))
    await Promise.all([pool.destroy(), asides.destroy()])
  }

  return {
    ...createCaller(node, asides),
    get idle() {
      return queue.length === 0 && framesInFlight === 0 && pool.stats.size === 0 && asides.stats.size === 0
    },
    send,
    greet,
    probe: async () => {
      if (breaker.admits()) await probe()
    },
    close
  }
}

function answer(waiting: Waiting, outcome: Outcome): void {
  for (const caller of waiting.callers) caller(outcome)
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? ''

/**
 * Redirects are not followed: a node answers for itself. Frames have connections of their own, so that long
 * pulls, votes and questions do not take the way of operations.
 */
function createPool(options: HelloOptions, connections: number): Pool {
  return new Pool(`${options.tls === undefined ? 'http' : 'https'}://${options.node}`, {
    connections,
    pipelining: 1,
    headersTimeout: PEER_DEADLINE_MS,
    bodyTimeout: PEER_DEADLINE_MS,
    connect: createConnector(options)
  })
}
