// How far the design carries, reckoned with the core alone: even shares, what a joining node moves, the size
// of a ring, and what a change of it costs, for up to a thousand nodes and ten thousand tokens. Positions are
// drawn at random from a seed, as operators draw them; or as `/ring/plan` offers them.

import { mkdir, writeFile } from 'node:fs/promises'
import { beginChange, receivedAll } from '../src/core/ring/change.ts'
import { digestOf } from '../src/core/ring/digest.ts'
import { createPlacement, moves, preferenceList } from '../src/core/ring/placement.ts'
import { createProposer } from '../src/core/consensus/proposer.ts'
import { nodesOf, type Ring, type Token } from '../src/core/ring/ring.ts'
import { parseRing, ringToJson } from '../src/core/ring/ring-json.ts'
import { requestToText, vote, type Votes } from '../src/core/consensus/voter.ts'
import { encodeRequest } from '../src/core/messages/frame.ts'
import { evenPositions } from '../src/core/ring/shares.ts'
import { SLOTS } from '../src/limits.ts'
import { type Bench } from './processes.ts'

const REPLICAS = 3
const SEEDS = 5
/** To find more positions one after the other takes minutes. */
const OFFERED_TOKENS = 2_000
const CASES: Array<[nodes: number, tokensEach: number]> = [
  [3, 1],
  [3, 16],
  [10, 1],
  [10, 16],
  [10, 100],
  [100, 1],
  [100, 16],
  [100, 99],
  [1_000, 1],
  [1_000, 9]
]

export async function scale(_bench: Bench, quick: boolean): Promise<void> {
  const rows = []
  for (const [nodes, tokensEach] of quick ? CASES.slice(0, 4) : CASES) {
    rows.push(await row(nodes, tokensEach, 'random'))
    if (nodes * tokensEach <= OFFERED_TOKENS) rows.push(await row(nodes, tokensEach, 'offered'))
  }
  console.table(rows)
  await mkdir('bench/results', { recursive: true })
  await writeFile(
    'bench/results/scale.json',
    `${JSON.stringify({ node: process.version, quick, replicas: REPLICAS, rows }, undefined, 2)}\n`
  )
}

type Positions = 'random' | 'offered'

async function row(nodes: number, tokensEach: number, positions: Positions) {
  // What is offered does not depend on chance.
  const measured: Array<Awaited<ReturnType<typeof measureOne>>> = []
  for (let seed = 1; seed <= (positions === 'offered' ? 1 : SEEDS); seed++) {
    measured.push(await measureOne(nodes, tokensEach, positions, createChance(seed)))
  }
  const mean = (value: (one: (typeof measured)[number]) => number) =>
    measured.reduce((sum, one) => sum + value(one), 0) / measured.length
  return {
    nodes,
    tokens: nodes * tokensEach,
    positions,
    maxOverMean: round(
      mean(one => one.maxOverMean),
      2
    ),
    movedOverLeast: round(
      mean(one => one.movedOverLeast),
      2
    ),
    ringKb: round(mean(one => one.ringBytes) / 1000, 1),
    installMs: round(
      mean(one => one.installMs),
      1
    ),
    greetingBytesPerS: mean(one => one.greetingBytes),
    changeExchanges: mean(one => one.exchanges),
    changeMb: round(mean(one => one.bytes) / 1e6, 2),
    changeMs: round(
      mean(one => one.ms),
      1
    )
  }
}

async function measureOne(nodes: number, tokensEach: number, positions: Positions, chance: () => number) {
  const joined = nodeName(nodes)
  const tokens = drawTokens({ nodes, tokensEach, positions, chance })
  const after = drawTokens({
    nodes: 1,
    tokensEach: Math.min(tokensEach, SLOTS - tokens.length),
    positions,
    chance,
    present: tokens,
    only: joined
  })
  const ring: Ring = { generation: 1, epoch: 1, replicas: REPLICAS, tokens }
  const replicas = Math.min(REPLICAS, nodes)
  const held = new Map<string, number>()
  for (let slot = 0; slot < SLOTS; slot++) {
    for (const node of preferenceList(tokens, REPLICAS, slot)) held.set(node, (held.get(node) ?? 0) + 1)
  }
  const moved = moves(tokens, after, REPLICAS).reduce(
    (sum, { min, max, from, to }) => sum + (max - min + 1) * to.filter(node => !from.includes(node)).length,
    0
  )
  const own = Array.from({ length: SLOTS }, (_, slot) => preferenceList(after, REPLICAS, slot)).filter(list =>
    list.includes(joined)
  ).length
  const text = JSON.stringify(ringToJson(ring))
  const beganMs = performance.now()
  const { plan } = createPlacement(parseRing(text))
  for (let slot = 0; slot < SLOTS; slot++) plan(slot)
  return {
    maxOverMean: Math.max(...held.values()) / ((SLOTS * replicas) / nodes),
    // What the new node holds has to reach it, and nothing else has to move.
    movedOverLeast: moved / own,
    ringBytes: text.length,
    // A ring is read at once, and the plan of an arc made when its first key is asked for: this is all of
    // both.
    installMs: performance.now() - beganMs,
    greetingBytes: encodeRequest({ ring, digest: digestOf(ring), ringJson: undefined, operations: [] })
      .length,
    ...(await join(ring, after.find(({ node }) => node === joined)?.position as number, joined))
  }
}

/**
 * A token of a node joins, from the first vote to the last, by the register itself, and its voters in this
 * process. What the proposers send: votes and news of the rings. The time is that of all of them together,
 * without a network or a disk, and nothing is copied.
 */
async function join(
  ring: Ring,
  position: number,
  node: string
): Promise<{ exchanges: number; bytes: number; ms: number }> {
  const votes = new Map<string, Votes>()
  const lengths = new WeakMap<Ring, number>()
  const sent = { exchanges: 0, bytes: 0 }
  let present = ring

  function count(exchanges: number, of: Ring, lengthOf: () => number): void {
    if (!lengths.has(of)) lengths.set(of, lengthOf())
    sent.exchanges += exchanges
    sent.bytes += exchanges * (lengths.get(of) as number)
  }

  const register = createProposer({
    present: () => present,
    async ask(voter, request) {
      const { votes: after, answer } = vote(votes.get(voter) ?? { life: 1, forgetful: false }, request)
      votes.set(voter, after)
      count(1, request.accept?.ring ?? request.present, () => requestToText(request).length)
      return answer
    },
    async install(next) {
      present = next
    },
    async announce(next) {
      const copy = { ...next }
      count(nodesOf(next).length, copy, () => JSON.stringify(ringToJson(copy)).length)
    },
    async pause() {},
    random: Math.random
  })
  const beganMs = performance.now()
  const during = await register.change(before => beginChange(before, { kind: 'add', position, node }))
  for (const receiver of during.pending ?? []) {
    await register.change(before => receivedAll(before, during, receiver))
  }
  return { ...sent, ms: performance.now() - beganMs }
}

interface Draw {
  readonly nodes: number
  readonly tokensEach: number
  readonly positions: Positions
  readonly chance: () => number
  readonly present?: readonly Token[]
  /** The name of the only node; others have theirs by number. */
  readonly only?: string
}

/**
 * Tokens of nodes that join one after the other, in order of their positions, beside those that are there.
 */
function drawTokens({ nodes, tokensEach, positions, chance, present = [], only }: Draw): Token[] {
  let tokens = present
  for (let i = 0; i < nodes; i++) {
    const node = only ?? nodeName(i)
    const drawn =
      positions === 'offered'
        ? [...evenPositions(tokens, REPLICAS, node, tokensEach)]
        : freePositions(tokens, chance, tokensEach)
    tokens = [...tokens, ...drawn.map(position => ({ position, node }))].sort(
      (a, b) => a.position - b.position
    )
  }
  return [...tokens]
}

function freePositions(tokens: readonly Token[], chance: () => number, count: number): number[] {
  const taken = new Set(tokens.map(({ position }) => position))
  return Array.from({ length: count }, () => {
    let position = Math.floor(chance() * SLOTS)
    while (taken.has(position)) position = (position + 1) % SLOTS
    taken.add(position)
    return position
  })
}

const nodeName = (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:5000`

const round = (number: number, digits: number) => Number(number.toFixed(digits))

/** Numbers in [0, 1) from a seed: a linear congruential generator with the constants of Numerical Recipes. */
function createChance(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
