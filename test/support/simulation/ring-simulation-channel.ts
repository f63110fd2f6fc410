// The channels of a simulated process to other nodes: the production exchange of frames, over simulated
// messages; requests that are no frames; and streams, piece by piece over one connection.

import { type FastifyInstance } from 'fastify'
import { type Channel } from '../../../plugins/peers/channel.ts'
import { TRUSTED_HEADER } from '../../../plugins/migration/pull.ts'
import { createExchange } from '../../../plugins/peers/exchange.ts'
import { type Peers } from '../../../plugins/peers/index.ts'
import { digestOf } from '../../../src/core/ring/digest.ts'
import { failed, type Fenced, type GetResult, type MergeResult } from '../../../src/core/ports.ts'
import { parseRing, type ringToJson } from '../../../src/core/ring/ring-json.ts'
import { type Ranges } from '../../../src/core/copying/fetching.ts'
import { type FrameReply } from '../../../src/core/messages/frame.ts'
import { KvError } from '../../../src/errors.ts'
import { answerText, operationText, tell } from './ring-simulation-trace.ts'
import { post, type Life } from './ring-simulation-wire.ts'
import { count, machineOf, type Machine, type Stall, type World } from './ring-simulation-world.ts'

/** What no reply came for, and why. */
class NoReply extends Error {
  readonly reason: 'unreachable' | 'timeout'

  constructor(reason: string) {
    super(reason)
    this.reason = reason === 'unreachable' ? 'unreachable' : 'timeout'
  }
}

/** Of a stream of pairs. */
const END_BYTES = 8

type Plain = Pick<FastifyInstance, 'ring' | 'replica' | 'log'>

export function createChannels(world: World, machine: Machine, life: Life, app: Plain): Peers {
  const channels = new Map<string, Channel>()

  function channel(node: string): Channel {
    let known = channels.get(node)
    if (known === undefined) {
      channels.set(node, (known = createChannel(world, machine, life, app, machineOf(world, node))))
    }
    return known
  }

  return {
    channel,
    checkAgreement() {},
    clockSkewMs: undefined,
    get: (node, id, slot, key) =>
      node === machine.name
        ? app.replica.get(id, slot, key)
        : (channel(node).send(id, { slot, key, record: undefined }) as Promise<GetResult | Fenced>),
    merge: (node, id, slot, key, record) =>
      node === machine.name
        ? app.replica.merge(id, slot, key, record)
        : (channel(node).send(id, { slot, key, record }) as Promise<MergeResult | Fenced>)
  }
}

function createChannel(
  world: World,
  machine: Machine,
  life: Life,
  { ring, log }: Plain,
  to: Machine
): Channel {
  const ask = <A extends object>(
    deadlineMs: number,
    handle: (server: Parameters<Parameters<typeof post<A>>[1]['handle']>[0]) => Promise<A>
  ) =>
    post<A | { readonly kind: 'error'; readonly message: string }>(world, {
      life,
      from: machine,
      to,
      deadlineMs,
      handle: server => handle(server).catch(error => ({ kind: 'error', message: ruleOut(error) }))
    })

  const exchange = createExchange({
    node: to.name,
    log,
    install: ring.install,
    mine: () => ring.view,
    async ask(under, ringJson, operations): Promise<FrameReply> {
      const request = { ring: under, digest: digestOf(under), ringJson, operations }
      const reply = await ask(world.weather.deadlineMs, server => server.serve(request))
      if (world.trace !== undefined && operations.length > 0) {
        tell(
          world,
          machine.name,
          `-> ${to.name.replace(':5000', '')} under ring ${under.generation}/${under.epoch}: ` +
            `${operations.map(operationText).join(', ')}; ` +
            ('kind' in reply
              ? 'no reply'
              : `${reply.verdict}${reply.answers.map(answer => ` ${answerText(answer)}`).join(',')}`)
        )
      }
      if ('kind' in reply) throw new NoReply(reply.kind === 'failed' ? reply.reason : 'timeout')
      if (reply.verdict === 'ahead') count(world, 'fenced')
      if (reply.verdict === 'split') {
        world.violations.push(`${machine.name} and ${to.name} have different rings of one number`)
      }
      return reply
    }
  })

  return {
    idle: false,
    async send(id, operation) {
      try {
        return (await exchange(id, [operation]))[0] as GetResult
      } catch (error) {
        if (!(error instanceof NoReply)) throw error
        return failed(error.reason)
      }
    },
    async greet() {
      if (to !== machine && ring.view !== undefined) await exchange(ring.view.ring, [])
    },
    async probe() {},
    async call(path, body, timeoutMs) {
      const reply = await ask(
        path === '/internal/vote' ? world.weather.deadlineMs : timeoutMs,
        async server => ({ text: await server.answer(path, body) })
      )
      if ('text' in reply) return reply.text
      throw new KvError('KV_ERR_NODE_NOT_READY', reply.kind === 'failed' ? reply.reason : reply.message)
    },
    async stream(_path, body, silenceMs) {
      const { ring: asked, ranges } = body as {
        readonly ring: ReturnType<typeof ringToJson>
        readonly ranges: Ranges
      }
      const opened = await ask(silenceMs, async server => ({
        server,
        source: await server.open(parseRing(JSON.stringify(asked)), ranges)
      }))
      if ('kind' in opened) throw new KvError('KV_ERR_NODE_NOT_READY', 'no stream')
      const { server, source } = opened
      let stall = ranges.length > 0 ? stallOf(machine, to.name) : undefined
      async function* pieces(): AsyncGenerator<Buffer> {
        for (;;) {
          await stall?.asked
          const piece = await post(world, {
            life,
            from: machine,
            to,
            deadlineMs: silenceMs,
            server,
            handle: async () =>
              source.pieces.next().catch(error => ({ done: undefined, value: ruleOut(error) }))
          })
          if ('kind' in piece || piece.done === undefined) {
            throw new KvError('KV_ERR_NODE_NOT_READY', 'the stream is cut')
          }
          if (piece.done) return
          count(world, 'pieces copied')
          await stall?.arrived
          stall = undefined
          // What was read waits in buffers on its way, and then nothing is read for a while.
          const crawlMs =
            piece.value.length > END_BYTES ? Math.max(machine.crawlMs, world.weather.crawlMs) : 0
          if (crawlMs > 0) await life.sleep(world.chance() * crawlMs)
          yield piece.value
          if (crawlMs > 0) await life.sleep(world.chance() * crawlMs)
        }
      }
      return { headers: { [TRUSTED_HEADER]: String(source.trustedMs) }, body: pieces() }
    },
    async close() {}
  }
}

function stallOf({ stall }: Machine, from: string): Stall | undefined {
  if (stall === undefined || (stall.from !== undefined && stall.from !== from)) return undefined
  stall.streams++
  return stall
}

/** The message of an error that production answers with; any other is a defect. */
function ruleOut(error: unknown): string {
  if (!(error instanceof KvError)) throw error
  return error.message
}
