// The channel to one other node. Operations gather while an event-loop tick lasts, and longer while frames are under way,
// and travel as one frame; each gets its own answer. A slow node fills its own channel only.

import { type IncomingHttpHeaders } from 'node:http'
import { type FastifyBaseLogger } from 'fastify'
import { Pool, type Dispatcher } from 'undici'
import { withDeadline } from '../../src/core/deadline.ts'
import { digestOf } from '../../src/core/digest.ts'
import { failed, type FailureReason, FENCED } from '../../src/core/ports.ts'
import { compareRings, parseRing, type Ring } from '../../src/core/ring.ts'
import { skewOf, type Skew } from '../../src/core/skew.ts'
import { decodeReply, encodeRequest, type Answer, type Operation, type Reply } from '../../src/core/wire.ts'
import { KvError } from '../../src/errors.ts'
import { PEER_ASIDES, PEER_CONNECT_MS, PEER_DEADLINE_MS, PEER_FRAMES_IN_FLIGHT } from '../../src/limits.ts'
import { createBreaker } from './breaker.ts'
import { postFrame } from './frame.ts'
import { createQueue, type Outcome, type Waiting } from './queue.ts'

export interface Channel {
  /** Never rejects; settles within the deadlines of queue and frame. With `insist` an open circuit does not hold it back. */
  send (ring: Ring, operation: Operation, insist?: boolean): Promise<Outcome>
  /** An empty frame: either side learns the newer ring. */
  greet (): Promise<void>
  /** An empty frame that tells the node no ring, only which one this process has: its operator may be about to give it its first one. */
  probe (): Promise<void>
  /** A JSON request of its own, for what is no operation on a key; resolves with the text of the answer. Rejects when it is not 200, with what the other node says. */
  call (path: string, body: object, timeoutMs: number): Promise<string>
  /** As `call`, for an answer that is read as it comes. The node may be silent for so long. */
  stream (path: string, body: object, silenceMs: number): Promise<{ readonly headers: IncomingHttpHeaders, readonly body: AsyncIterable<Buffer> }>
  /** True while nothing is under way. */
  readonly idle: boolean
  close (): Promise<void>
}

/** What a node shows to others, and the authority that it trusts; PEM. */
export interface TlsIdentity { readonly cert: Buffer, readonly key: Buffer, readonly ca: Buffer }

export interface ChannelOptions {
  readonly node: string
  /** Undefined: plain HTTP. */
  readonly tls: TlsIdentity | undefined
  readonly headers: { readonly [name: string]: string }
  readonly log: FastifyBaseLogger
  readonly wallMs: () => number
  /** This process's ring, and as JSON for a node that is behind. */
  mine (): { readonly ring: Ring, readonly json: string } | undefined
  install (ring: Ring): Promise<void>
  /** The time for which this process was awake; what waited while it was held up is still sent. */
  awakeMs (): number
  /** Told of every reply to a frame under `ring`. */
  heard (ring: Ring, reply: Reply): void
  /** Told what a greeting says of the node's clock. */
  measured (skew: Skew): void
}

/** What is kept of an error's text. */
const ERROR_CHARS = 1_000

/** Failures before a connection stood: nothing of the frame can have been carried out. */
const NOT_SENT = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'])

export function createChannel ({ node, tls, headers, log, wallMs, mine, install, awakeMs, heard, measured }: ChannelOptions): Channel {
  const pool = createPool(node, tls, PEER_FRAMES_IN_FLIGHT + 2)
  // Others than those of frames, so that long pulls, votes and questions do not take the way of operations.
  const asides = createPool(node, tls, PEER_ASIDES)
  const queue = createQueue(awakeMs)
  let framesInFlight = 0
  let scheduled = false
  const breaker = createBreaker(node, log, probe)
  const learn = createLearner(node, install, log)

  function send (ring: Ring, operation: Operation, insist = false): Promise<Outcome> {
    return new Promise(resolve => {
      if (!insist && !breaker.admits()) resolve(failed('unreachable'))
      else if (queue.enter(ring, operation, insist, resolve)) schedule()
      else resolve(failed('overloaded'))
    })
  }

  function schedule (): void {
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
  function takeFrame (): Waiting[] {
    const nowMs = awakeMs()
    const open = breaker.admits()
    return queue.takeFrame().filter(waiting => {
      if ((open || waiting.insist) && nowMs - waiting.sinceMs < PEER_DEADLINE_MS) return true
      answer(waiting, failed(waiting.otherwise))
      return false
    })
  }

  function carry (frame: readonly Waiting[]): void {
    framesInFlight++
    exchange((frame[0] as Waiting).ring, frame.map(waiting => waiting.operation)).then(
      answers => settle(frame, answers),
      error => fail(frame, error)
    ).finally(() => {
      framesInFlight--
      if (queue.length > 0) schedule()
    })
  }

  /** What did not fit in the reply is asked for again while its time lasts; each reply has room for some. */
  function settle (frame: readonly Waiting[], answers: readonly Answer[]): void {
    frame.forEach((waiting, i) => {
      const told = answers[i] as Answer
      if (told.kind === 'no-room') queue.return({ ...waiting, otherwise: 'overloaded' })
      else answer(waiting, told)
    })
  }

  /** A get whose connection broke is tried once more; a merge is not, as it may have been carried out. */
  function fail (frame: readonly Waiting[], error: unknown): void {
    const reason: FailureReason = NOT_SENT.has((error as { code?: string }).code ?? '') ? 'unreachable' : 'timeout'
    const broke = (error as { code?: string }).code === 'UND_ERR_SOCKET' || (error as { code?: string }).code === 'ECONNRESET'
    for (const waiting of frame) {
      if (broke && waiting.attempt === 0 && waiting.operation.record === undefined) queue.return({ ...waiting, attempt: 1 })
      else answer(waiting, failed(reason))
    }
  }

  /** One frame there and its answers back; a node that is behind gets the ring and the frame once more. */
  async function exchange (ring: Ring, operations: readonly Operation[]): Promise<readonly Answer[]> {
    let reply = await ask(ring, undefined, operations)
    if (reply.verdict === 'behind') {
      const newest = mine()
      if (newest !== undefined) reply = await ask(newest.ring, newest.json, compareRings(newest.ring, ring) === 0 ? operations : [])
    }
    // Without one ring for both, planning again would lead to the same refusal.
    const refused = reply.verdict === 'foreign' || reply.verdict === 'split' || (reply.verdict === 'ahead' && !await learn(reply.ringJson ?? ''))
    return operations.map((_, i) => refused ? failed('unreachable') : reply.answers[i] ?? FENCED)
  }

  async function ask (ring: Ring, ringJson: string | undefined, operations: readonly Operation[]): Promise<Reply> {
    breaker.move('attempt')
    try {
      const sentMs = performance.now()
      const reply = decodeReply(await postFrame(pool, { node, headers, body: encodeRequest({ ring, digest: digestOf(ring), ringJson, operations }) }))
      breaker.move('success')
      if (reply.clockMs !== undefined) measured(skewOf(reply.clockMs, wallMs(), performance.now() - sentMs))
      heard(ring, reply)
      return reply
    } catch (error) {
      breaker.move('failure')
      throw error
    }
  }

  async function greet (): Promise<void> {
    const newest = mine()
    if (newest !== undefined && breaker.admits()) await exchange(newest.ring, [])
  }

  async function probe (): Promise<void> {
    const newest = mine()
    if (newest !== undefined && breaker.admits()) await ask(newest.ring, undefined, [])
  }

  async function close (): Promise<void> {
    breaker.close()
    for (const waiting of queue.takeAll()) answer(waiting, failed('unreachable'))
    await Promise.all([pool.destroy(), asides.destroy()])
  }

  return {
    ...createCaller(node, asides, headers),
    get idle () { return queue.length === 0 && framesInFlight === 0 && pool.stats.size === 0 && asides.stats.size === 0 },
    send,
    greet,
    probe,
    close
  }
}

function answer (waiting: Waiting, outcome: Outcome): void {
  for (const caller of waiting.callers) caller(outcome)
}

/** Takes over what the node sends as its ring; false: that was not possible. */
function createLearner (node: string, install: ChannelOptions['install'], log: FastifyBaseLogger): (json: string) => Promise<boolean> {
  let refused = false
  return async json => {
    try {
      await install(parseRing(json))
      refused = false
    } catch (error) {
      // It comes again with every reply.
      if (!refused) log.warn({ peer: node, err: error }, 'the ring of another node was not taken over')
      refused = true
    }
    return !refused
  }
}

/** Requests that are no frames. */
function createCaller (node: string, pool: Pool, headers: ChannelOptions['headers']): Pick<Channel, 'call' | 'stream'> {
  async function stream (path: string, body: object, timeoutMs: number): Promise<Dispatcher.ResponseData> {
    const patience = new AbortController()
    const asked = pool.request({
      method: 'POST',
      path,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      signal: patience.signal
    })
    // Its own deadlines begin when there is a connection for it.
    const answer = await withDeadline(asked, timeoutMs + PEER_CONNECT_MS, () => new KvError('KV_ERR_NODE_NOT_READY', `${node} did not answer in time`)).catch(error => {
      patience.abort()
      throw error
    })
    if (answer.statusCode === 200) return answer
    const text = (await answer.body.text()).slice(0, ERROR_CHARS)
    throw new KvError('KV_ERR_NODE_NOT_READY', `${node} answered ${answer.statusCode}: ${messageOf(text)}`)
  }
  return { stream, call: async (path, body, timeoutMs) => (await stream(path, body, timeoutMs)).body.text() }
}

/** The message of an error in JSON, or the text itself. */
function messageOf (text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message)
  } catch {
    return text
  }
}

/** Redirects are not followed: a node answers for itself. */
function createPool (node: string, tls: TlsIdentity | undefined, connections: number): Pool {
  return new Pool(`${tls === undefined ? 'http' : 'https'}://${node}`, {
    connections,
    pipelining: 1,
    headersTimeout: PEER_DEADLINE_MS,
    bodyTimeout: PEER_DEADLINE_MS,
    connect: { timeout: PEER_CONNECT_MS, ...tls }
  })
}
