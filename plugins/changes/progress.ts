// How far the change of the ring is: what each receiver tells, in one answer or as a stream of events.

import { setTimeout as pause } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { PEER_DEADLINE_MS } from '../../src/limits.ts'
import { PROGRESS_MS } from '../../src/core/copying/limits.ts'
import { EVENTS_MS } from './limits.ts'
import { type SeenChange } from '../../src/core/ring/change.ts'
import { receiversOf } from '../../src/core/ring/placement.ts'
import { isProgressOf, type Progress } from '../../src/core/copying/progress.ts'
import { tokenMap } from '../../src/core/ring/ring-json.ts'
import { type Keeper } from '../../src/keeper/keeper.ts'
import { newest } from './carry-out.ts'

interface ReceiverState {
  readonly node: string
  readonly received: boolean
  readonly keys: number
  readonly bytes: number
  readonly keysPerSecond: number
  readonly bytesPerSecond: number
  /** Seconds that are left, as far as can be told. */
  readonly estimateS?: number
  readonly waitsFor?: string
}

export interface ChangeState {
  readonly state: 'none' | SeenChange['state']
  readonly generation?: number
  readonly epoch?: number
  readonly since?: number
  readonly from?: { readonly [position: string]: string }
  readonly to?: { readonly [position: string]: string }
  readonly gone?: readonly string[]
  readonly receivers: readonly ReceiverState[]
  readonly keys: number
  readonly bytes: number
}

export function progressRoutes(app: FastifyInstance, keeper: Keeper): void {
  app.post('/internal/progress', async (_request, reply) => {
    const [progress, waitsFor] = await Promise.all([keeper.progress(), keeper.waitsFor()])
    return reply.send({ progress: progress ?? null, ...(waitsFor !== undefined && { waitsFor }) })
  })

  app.get('/ring/changes', async (request, reply) => {
    if (app.ring.view === undefined) throw new KvError('KV_ERR_NO_RING')
    if (!request.headers.accept?.includes('text/event-stream')) return reply.send(await stateOf(app))
    return reply
      .type('text/event-stream')
      .header('cache-control', 'no-store')
      .send(Readable.from(events(app), { objectMode: false }))
  })
}

async function* events(app: FastifyInstance): AsyncGenerator<string> {
  const endMs = performance.now() + EVENTS_MS
  while (performance.now() < endMs) {
    const state = await stateOf(app)
    yield `data: ${JSON.stringify(state)}\n\n`
    if (state.state !== 'under way') return
    await pause(PROGRESS_MS)
  }
}

async function stateOf(app: FastifyInstance): Promise<ChangeState> {
  const { epoch } = await newest(app)
  const seen = app.ring.lastChange
  if (seen?.ring.next === undefined) return { state: 'none', receivers: [], keys: 0, bytes: 0 }
  const { state, ring: change } = seen
  // Where nobody has anything to receive, one node is still waited for to end the change.
  const nodes = new Set([...receiversOf(change), ...(state === 'under way' ? (change.pending ?? []) : [])])
  const receivers = await Promise.all(
    [...nodes].map(async node => receiverState(node, seen, await progressOf(app, node)))
  )
  const sum = (of: (receiver: ReceiverState) => number) =>
    receivers.reduce((total, receiver) => total + of(receiver), 0)
  return {
    state,
    generation: change.generation,
    epoch,
    since: change.since as number,
    from: tokenMap(change.tokens),
    to: tokenMap(seen.ring.next),
    ...(change.gone && { gone: change.gone }),
    receivers,
    keys: sum(({ keys }) => keys),
    bytes: sum(({ bytes }) => bytes)
  }
}

/**
 * What a node says of how far it is: with the last change that it has begun to receive in, and what keeps it
 * from beginning.
 */
interface Told {
  readonly progress: Progress | null
  readonly waitsFor?: string
}

/** What the node says; undefined: it does not answer. */
async function progressOf({ peers }: FastifyInstance, node: string): Promise<Told | undefined> {
  try {
    return JSON.parse(await peers.channel(node).call('/internal/progress', {}, PEER_DEADLINE_MS)) as Told
  } catch {
    return undefined
  }
}

function receiverState(node: string, { state, ring }: SeenChange, told: Told | undefined): ReceiverState {
  const progress = isProgressOf(told?.progress ?? undefined, ring) ? (told?.progress as Progress) : undefined
  const { keys = 0, bytes = 0, elapsedMs = 0, expectedKeys = 0 } = progress ?? {}
  const perSecond = (count: number) => (elapsedMs === 0 ? 0 : Math.round((count / elapsedMs) * 1000))
  const waitsFor =
    told === undefined
      ? `${node} does not answer`
      : (told.waitsFor ?? (progress === undefined ? `${node} has not begun to receive` : progress.waitsFor))
  const left = Math.max(0, expectedKeys - keys)
  const isWaitedFor = state === 'under way' && ring.pending?.includes(node) === true
  return {
    node,
    received: state !== 'given up' && !isWaitedFor,
    keys,
    bytes,
    keysPerSecond: perSecond(keys),
    bytesPerSecond: perSecond(bytes),
    ...(isWaitedFor && keys > 0 && { estimateS: Math.ceil(left / Math.max(1, perSecond(keys))) }),
    ...(isWaitedFor && waitsFor !== undefined && { waitsFor })
  }
}
