// The other end of a channel: an HTTP server that reads real frames and answers what the test says, or
// misbehaves.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo } from 'node:net'
import { pino } from 'pino'
import { type Test } from 'tap'
import { createChannel, type Channel } from '../../../plugins/peers/channel.ts'
import { createAwakeClock } from '../../../src/core/quorum/deadline.ts'
import { NONCE_BYTES } from '../../../src/core/messages/hello.ts'
import { MISS, STORED } from '../../../src/core/ports.ts'
import { type PairRecord } from '../../../src/core/pairs/record.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { ringToJson } from '../../../src/core/ring/ring-json.ts'
import { type Skew } from '../../../src/core/quorum/skew.ts'
import {
  decodeRequest,
  encodeReply,
  type Answer,
  type Operation,
  type FrameReply,
  type FrameRequest,
  type Verdict
} from '../../../src/core/messages/frame.ts'
import { DEADLINE_STEP_MS } from '../../../src/limits.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

/** What the peer does with a frame: a reply, or anything that the function does to the response itself. */
export type Serve = (frame: FrameRequest, response: ServerResponse) => FrameReply | undefined | void

export interface FakePeer {
  readonly address: string
  readonly frames: FrameRequest[]
  serve: Serve
  close(): Promise<void>
  /** Listens again at the same address. */
  open(): Promise<void>
}

export const served = (answers: readonly Answer[]): FrameReply => ({
  verdict: 'served',
  ringJson: undefined,
  clockMs: undefined,
  answers
})

/** Every get is a miss and every merge is stored. */
export const serveAll: Serve = frame =>
  served(frame.operations.map(({ record }) => (record === undefined ? MISS : STORED)))

export async function startPeer(t: Test, serve: Serve = serveAll): Promise<FakePeer> {
  const server = createServer((request, response) => {
    // What is neither a hello nor a frame it leaves without an answer.
    if (request.url === '/internal/hello') {
      response.end(JSON.stringify({ node: peer.address, nonce: '0'.repeat(2 * NONCE_BYTES) }))
    }
    if (request.url !== '/internal/ops') return
    readAll(request).then(
      body => {
        const frame = decodeRequest(body)
        peer.frames.push(frame)
        const reply = peer.serve(frame, response)
        if (reply !== undefined) respond(response, reply)
      },
      () => {}
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const peer: FakePeer = {
    address: `127.0.0.1:${port}`,
    frames: [],
    serve,
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
    async open() {
      await once(server.listen(port, '127.0.0.1'), 'listening')
    }
  }
  t.teardown(() => peer.close())
  return peer
}

export function respond(response: ServerResponse, reply: FrameReply): void {
  const bytes = encodeReply(reply)
  response.writeHead(reply.verdict === 'served' ? 200 : 409, { 'content-length': bytes.length }).end(bytes)
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export interface TestChannel extends Channel {
  /** The rings that the channel handed on to be installed. */
  readonly installed: Ring[]
  /** This side's ring; a test may move on. */
  mine: Ring
  /** This side's wall time. */
  nowMs: number
  readonly verdicts: Verdict[]
  readonly skews: Skew[]
  onInstall: (ring: Ring) => Promise<void>
}

/** A channel to a node, under epoch 1 of `ringOf`. */
export function openChannel(t: Test, node: string): TestChannel {
  const installed: Ring[] = []
  const awakeMs = createAwakeClock(() => performance.now())
  const clock = setInterval(awakeMs, DEADLINE_STEP_MS / 2).unref()
  t.teardown(() => clearInterval(clock))
  const channel = createChannel({
    self: '127.0.0.1:1',
    node,
    token: undefined,
    tls: undefined,
    log: pino({ level: 'silent' }),
    awakeMs,
    wallMs: () => opened.nowMs,
    mine: () => ({ ring: opened.mine, json: JSON.stringify(ringToJson(opened.mine)) }),
    heard: (_ring, { verdict }) => {
      opened.verdicts.push(verdict)
    },
    measured: skew => {
      opened.skews.push(skew)
    },
    async install(ring) {
      installed.push(ring)
      await opened.onInstall(ring)
    }
  })
  const opened: TestChannel = Object.assign(channel, {
    installed,
    mine: ringOf(1),
    nowMs: 1_000_000,
    verdicts: [],
    skews: [],
    onInstall: async () => {}
  })
  t.teardown(() => channel.close())
  return opened
}

export const getOf = (key: string): Operation => ({ slot: 1, key, record: undefined })
export const mergeOf = (key: string, value: Buffer = Buffer.from('value')): Operation => ({
  slot: 1,
  key,
  record: recordOf(value)
})

export function recordOf(value: Buffer, timeMs = 1): PairRecord {
  return {
    version: { timeMs, counter: 0, writer: 1 },
    deleted: false,
    expiresAtMs: 0,
    contentType: '',
    value
  }
}
