// Faults in the middle of a change of the ring, on real nodes: changes are begun, watched until they are in
// the phase in which something is to break, and after it everything must be as if nothing had happened, on
// the old ring or on the new one.

import { setTimeout as pause } from 'node:timers/promises'
import { type Test } from 'tap'
import { type ChangeState } from '../../../plugins/changes/progress.ts'
import { type RingJson } from '../../../src/core/ring/ring-json.ts'
import { brokenBulk, scarceBulk, writeBulk, type BulkOptions } from './bulk.ts'
import { perform } from './client.ts'
import { startCluster, type ClusterOptions, type TestCluster, type TestNode } from './cluster.ts'
import { createHistory, describeViolation, runClients, type History } from '../checker/history.ts'
import { askChange, changeState, untilAgreed, type ChangeAnswer } from './ring-requests.ts'

/**
 * The ring has just begun to change; pairs are on their way; some receivers have theirs and others do not, or
 * one has nearly all.
 */
export type Phase = 'start' | 'middle' | 'end'
export const PHASES: readonly Phase[] = ['start', 'middle', 'end']
/** How often each case is to be gone through. */
export const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 1)
/** For `t.setTimeout`: the longest that a file may take. */
export const FAULTS_MS = 900_000 * ROUNDS

export interface UnderWay {
  readonly kind: 'join' | 'leave'
  readonly before: RingJson
  /** The node that took the request. */
  readonly asked: TestNode
  /** The node that joins or leaves. */
  readonly moving: TestNode
  /** The receivers that have not yet received everything. */
  readonly pending: readonly TestNode[]
  /** The members by the present tokens, those that are no receivers first. */
  readonly sources: readonly TestNode[]
  readonly answer: Promise<ChangeAnswer>
}

/** Breaks something and mends it; false if the change was over before anything broke. */
export type Fault = (change: UnderWay) => Promise<boolean | void>

export interface Stage {
  readonly cluster: TestCluster
  /**
   * Begins changes until one is caught in the phase. The last node joins and leaves by turns, through the
   * second, or does only one of it.
   */
  catchChange(phase: Phase, only?: 'join' | 'leave'): Promise<UnderWay>
  /** Catches changes in the phase until the fault comes in time. */
  strike(phase: Phase, fault: Fault, only?: 'join' | 'leave'): Promise<UnderWay>
  /**
   * Waits until every node is ready and has the same stable ring, which is the old or the new one, and looks
   * at the pairs.
   */
  settled(t: Test, change?: UnderWay): Promise<RingJson>
  /** Ends the clients and judges what they saw. */
  finish(t: Test): Promise<void>
}

export interface StageOptions extends Pick<ClusterOptions, 'network'> {
  /**
   * More than the default make each change last longer: where a fault takes a while to bite, it may not come
   * too late each time.
   */
  readonly pairs?: number
}

const MOVING_TOKEN = 8_500
/** So much that a change takes a while. */
const BULK: BulkOptions = { pairs: 400, valueBytes: 5_000, deletedEvery: 50 }
/** And so slowly, that every phase of it lasts. */
const COPY_MB_PER_S = 1
/** Reads of every so-manieth pair; that each pair is held where it must be is looked at without reads. */
const READ_EVERY = 10
/** What a client rests between two calls: the nodes and the change need the machine more. */
const REST_MS = 50
/**
 * Between two looks at a change: it takes a second or two, and whoever asks again at once takes the machine
 * from those who are to make it.
 */
const LOOK_MS = 10
const HOT_KEYS = Array.from({ length: 12 }, (_, i) => `hot-${i}`)
const TRIES = 10

/** The cases, as often as there are rounds. */
export function inRounds<T>(cases: readonly T[]): T[] {
  return Array.from({ length: ROUNDS }, () => cases).flat()
}

/**
 * Four nodes with two workers and a Memcached each, three on the ring, many pairs and a few checked clients.
 */
export async function startStage(
  t: Test,
  replicas: number,
  { pairs = BULK.pairs, ...more }: StageOptions = {}
): Promise<Stage> {
  const bulk = { ...BULK, pairs }
  const cluster = await startCluster(t, {
    tokens: [1000, 3500, 6000],
    standbys: 1,
    replicas,
    storage: 'memcached',
    memcached: { socket: true, flags: ['-m', '512'] },
    env: { WORKERS: '2', COPY_MB_PER_S: String(COPY_MB_PER_S) },
    ...more
  })
  const [first] = cluster.nodes as [TestNode]
  await writeBulk(first.url, bulk)
  const clients = startClients(cluster.nodes)
  t.teardown(clients.stop)

  async function settled(t: Test, change?: UnderWay): Promise<RingJson> {
    const ring = await untilAgreed(cluster.nodes)
    if (change !== undefined) {
      const isMember = Object.values(ring.ring).includes(change.moving.address)
      const { status } = await change.answer
      t.comment(`${change.kind}: answered ${status}, and the node is ${isMember ? 'a' : 'no'} member`)
      if (status === 200) t.equal(isMember, change.kind === 'join', 'what was acknowledged was done')
    }
    t.same(
      (await scarceBulk(cluster.nodes, ring, bulk)).slice(0, 5),
      [],
      'every pair is at a quorum of its replicas'
    )
    for (const node of cluster.nodes) {
      t.same(
        (await brokenBulk(node.url, bulk, READ_EVERY)).slice(0, 5),
        [],
        `every pair is as it was, through ${node.address}`
      )
    }
    return ring
  }

  return {
    cluster,
    settled,
    catchChange: (phase, only) => catchChange(cluster.nodes, phase, only),
    async strike(phase, fault, only) {
      for (let tries = 0; tries < TRIES; tries++) {
        const change = await catchChange(cluster.nodes, phase, only)
        if ((await fault(change)) !== false) return change
        await change.answer
      }
      throw new Error(`no fault came in time for the ${phase}`)
    },
    async finish(t) {
      await clients.stop()
      await clients.readAll()
      t.comment(JSON.stringify(clients.history.tally()))
      t.same(clients.history.violations().map(describeViolation), [], 'no answer contradicts another')
      t.same((await brokenBulk(first.url, bulk)).slice(0, 5), [], 'in the end every pair is there')
    }
  }
}

async function catchChange(
  nodes: readonly TestNode[],
  phase: Phase,
  only: 'join' | 'leave' | undefined
): Promise<UnderWay> {
  const [asked, moving] = [nodes[1] as TestNode, nodes.at(-1) as TestNode]
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await untilAgreed(nodes)
    const kind = Object.values(before.ring).includes(moving.address) ? 'leave' : 'join'
    const watch = { goOn: only === undefined || only === kind }
    const answer = askChange(
      asked,
      kind === 'leave' ? `/remove_node/${moving.address}` : `/add_node/${MOVING_TOKEN}/${moving.address}`
    ).finally(() => {
      watch.goOn = false
    })
    while (watch.goOn) {
      const state = await changeState(asked)
      if (
        state?.state !== 'under way' ||
        state.from === undefined ||
        (state.epoch ?? 0) <= before.epoch ||
        !isIn(phase, state)
      ) {
        await pause(LOOK_MS)
        continue
      }
      const among = (addresses: readonly string[]) =>
        nodes.filter(({ address }) => addresses.includes(address))
      const pending = among(state.receivers.filter(({ received }) => !received).map(({ node }) => node))
      const sources = among(Object.values(state.from)).sort(
        (a, b) => Number(pending.includes(a)) - Number(pending.includes(b))
      )
      return { kind, before, asked, moving, pending, sources, answer }
    }
    const { status, text } = await answer
    if (status !== 200) throw new Error(`the change was not made: ${status} ${text}`)
  }
  throw new Error(`no change was caught in its ${phase}`)
}

function isIn(phase: Phase, { receivers, keys }: ChangeState): boolean {
  const received = receivers.filter(receiver => receiver.received).length
  if (phase === 'start') return keys === 0 && received === 0
  if (phase === 'middle') return keys > 0 && received === 0
  if (receivers.length > 1) return received > 0 && received < receivers.length
  return receivers.every(({ received, keys, estimateS }) => !received && keys > 0 && (estimateS ?? 2) <= 1)
}

/** A client at every node. Whether a node that is down is up again is not for its client to know. */
function startClients(nodes: readonly TestNode[]): {
  history: History
  readAll(): Promise<void>
  stop(): Promise<void>
} {
  const history = createHistory()
  let stopped = false
  const ended = runClients({
    history,
    seed: 1,
    clients: nodes.length,
    keys: HOT_KEYS,
    reads: 0.5,
    deletes: 0.1,
    goOn: () => !stopped,
    async perform(client, call) {
      const outcome = await perform((nodes[client] as TestNode).url, call).catch(
        () => ({ kind: 'unknown' }) as const
      )
      await pause(REST_MS)
      return outcome
    }
  })
  return {
    history,
    async readAll() {
      for (const [client, node] of nodes.entries()) {
        for (const key of HOT_KEYS) {
          const end = history.invoke(client, { kind: 'read', key })
          end(await perform(node.url, { kind: 'read', key }))
        }
      }
    },
    async stop() {
      stopped = true
      await ended
    }
  }
}
