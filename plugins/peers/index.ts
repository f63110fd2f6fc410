// The replicas of a cluster as one port: this node's own by a function call, the others by batched and fenced
// frames over HTTP. Rings travel along: a node that is behind learns the newer one from the first frame, or
// from gossip. Two more things keep nodes from agreeing, another ring of the same number and a clock that is
// off. They learn of these from each other too.

import fp from 'fastify-plugin'
import { type FastifyInstance } from 'fastify'
import { createAwakeClock } from '../../src/core/quorum/deadline.ts'
import { type GetResult, type Fenced, type MergeResult, type Replicas } from '../../src/core/ports.ts'
import { nodesOf } from '../../src/core/ring/ring.ts'
import { decodeRequest, encodeReply } from '../../src/core/messages/frame.ts'
import { DEADLINE_STEP_MS } from '../../src/limits.ts'
import { FRAME_BYTES, GOSSIP_AFTER_MS, GOSSIP_MS } from './limits.ts'
import { createChannel, type Channel } from './channel.ts'
import { createClocks } from './clocks.ts'
import { type TlsIdentity } from '../../src/core/messages/hello.ts'
import { createServer } from './serve.ts'
import { createSplits } from './splits.ts'

export interface Peers extends Replicas {
  /** The channel to another node. */
  channel(node: string): Channel
  /** Throws what keeps this node from agreeing with the others: `KV_ERR_RING_SPLIT`, `KV_ERR_CLOCK`. */
  checkAgreement(): void
  /**
   * How far the clock of the node that differs most is ahead of this one's (negative: behind); undefined:
   * none differs by much.
   */
  readonly clockSkewMs: number | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    peers: Peers
  }
}

export interface PeersOptions {
  readonly token: string | undefined
  readonly tls: TlsIdentity | undefined
}

/** A frame holds at least one operation, however large, beside its bound. */
const BODY_BYTES = 2 * FRAME_BYTES

const NO_BYTES = Buffer.alloc(0)

/** What this node and the others of its ring may not agree on. */
function createAgreement({ ring, log }: FastifyInstance) {
  const others = () =>
    ring.view === undefined ? [] : nodesOf(ring.view.ring).filter(node => node !== ring.node)
  const splits = createSplits(() => ring.view?.ring, log)
  const clocks = createClocks({ others, nowMs: () => performance.now(), log })
  function check(): void {
    splits.check()
    clocks.check()
  }
  return { others, splits, clocks, check }
}

export default fp<PeersOptions>(
  async (app, { token, tls }) => {
    const { ring, replica, clock, log } = app
    const { wallMs } = clock
    const { others, splits, clocks, check } = createAgreement(app)
    // Somebody, a frame does not tell who, has another ring of this number.
    let someSplit = false
    const channels = new Map<string, Channel>()
    const awakeMs = createAwakeClock(() => performance.now())

    function channel(node: string): Channel {
      let known = channels.get(node)
      if (known === undefined) {
        known = createChannel({
          self: ring.node,
          node,
          token,
          tls,
          log,
          wallMs,
          install: ring.install,
          awakeMs,
          mine: () => ring.view,
          heard: (under, reply) => splits.heard(node, under, reply),
          measured: skew => clocks.measured(node, skew)
        })
        channels.set(node, known)
      }
      return known
    }

    app.decorate('peers', {
      channel,
      checkAgreement: check,
      get clockSkewMs() {
        return clocks.worstMs
      },
      get(node, id, slot, key, insist) {
        if (node === ring.node) return replica.get(id, slot, key)
        return channel(node).send(id, { slot, key, record: undefined }, insist) as Promise<GetResult | Fenced>
      },
      merge(node, id, slot, key, record, insist) {
        if (node === ring.node) return replica.merge(id, slot, key, record)
        return channel(node).send(id, { slot, key, record }, insist) as Promise<MergeResult | Fenced>
      }
    })

    const serve = createServer({
      ring,
      replica,
      wallMs,
      split() {
        someSplit = true
      }
    })

    app.register(async internal => {
      internal.removeAllContentTypeParsers()
      internal.addContentTypeParser(
        'application/octet-stream',
        { parseAs: 'buffer', bodyLimit: BODY_BYTES },
        (_request, body, done) => done(null, body)
      )
      internal.post<{ Body: Buffer | undefined }>(
        '/internal/ops',
        { bodyLimit: BODY_BYTES },
        async (request, reply) => {
          const settled = await serve(decodeRequest(request.body ?? NO_BYTES))
          return reply
            .code(settled.verdict === 'served' ? 200 : 409)
            .type('application/octet-stream')
            .send(encodeReply(settled))
        }
      )
    })

    /** Tells a random other node which ring this one has; closes the channels to nodes that left. */
    function gossip(): void {
      const nodes = others()
      for (const [node, known] of channels) {
        if (!nodes.includes(node) && known.idle) {
          channels.delete(node)
          known.close().catch(error => log.debug({ peer: node, err: error }, 'closing a channel'))
        }
      }
      // An operator who seeds one node after the other is not overtaken: a node that learns its first ring
      // from another must recover.
      const isQuiet =
        ring.view === undefined ||
        (ring.view.ring.epoch === 1 && performance.now() - ring.view.sinceMs < GOSSIP_AFTER_MS)
      // A node that does not answer is seen and told by its channel's circuit.
      if (isQuiet || someSplit) {
        for (const node of nodes) {
          channel(node)
            .probe()
            .catch(() => {})
        }
      }
      someSplit = false
      const chosen = nodes[Math.floor(Math.random() * nodes.length)]
      if (!isQuiet && chosen !== undefined) {
        channel(chosen)
          .greet()
          .catch(() => {})
      }
    }

    const timer = setInterval(gossip, GOSSIP_MS).unref()
    const waking = setInterval(awakeMs, DEADLINE_STEP_MS / 2).unref()
    app.addHook('onClose', async () => {
      clearInterval(timer)
      clearInterval(waking)
      await Promise.all([...channels.values()].map(known => known.close()))
    })
  },
  { name: 'peers', dependencies: ['auth', 'clock', 'ring', 'replica'] }
)
