// How far the design carries, reckoned with the core alone: even shares, what a joining node moves, the size of a ring, and what a change of it costs, for up
// to a thousand nodes and ten thousand tokens. Positions are drawn at random from a seed, as operators draw them; or each at the middle of the widest gap.

import { mkdir, writeFile } from 'node:fs/promises'
import { createPlacement, moves, preferenceList } from '../src/core/placement.ts'
import { ringToJson, type Ring, type Token } from '../src/core/ring.ts'
import { encodeRequest } from '../src/core/wire.ts'
import { SLOTS } from '../src/limits.ts'
import { type Bench } from './processes.ts'

const REPLICAS = 3
const SEEDS = 5
const CASES: Array<[nodes: number, tokensEach: number]> = [[3, 1], [3, 16], [10, 1], [10, 16], [10, 100], [100, 1], [100, 16], [100, 99], [1_000, 1], [1_000, 9]]

export async function scale (_bench: Bench, quick: boolean): Promise<void> {
  const rows = (quick ? CASES.slice(0, 4) : CASES).flatMap(([nodes, tokensEach]) => [row(nodes, tokensEach, 'random'), row(nodes, tokensEach, 'even')])
  console.table(rows)
  await mkdir('bench/results', { recursive: true })
  await writeFile('bench/results/scale.json', `${JSON.stringify({ node: process.version, quick, replicas: REPLICAS, rows }, undefined, 2)}\n`)
}

type Positions = 'random' | 'even'

function row (nodes: number, tokensEach: number, positions: Positions) {
  const measured = Array.from({ length: SEEDS }, (_, i) => measureOne(nodes, tokensEach, positions, createChance(i + 1)))
  const mean = (value: (one: typeof measured[number]) => number) => measured.reduce((sum, one) => sum + value(one), 0) / SEEDS
  return {
    nodes,
    tokens: nodes * tokensEach,
    positions,
    maxOverMean: round(mean(one => one.maxOverMean), 2),
    movedOverLeast: round(mean(one => one.movedOverLeast), 2),
    ringKb: round(mean(one => one.ringBytes) / 1000, 1),
    installMs: round(mean(one => one.installMs), 1),
    greetingBytesPerS: mean(one => one.greetingBytes),
    changeMbOfProposer: round(mean(one => one.changeBytes) / 1e6, 2)
  }
}

function measureOne (nodes: number, tokensEach: number, positions: Positions, chance: () => number) {
  const joined = nodeName(nodes)
  const tokens = drawTokens(nodes, tokensEach, positions, chance)
  const after = drawTokens(1, Math.min(tokensEach, SLOTS - tokens.length), positions, chance, tokens, joined)
  const ring: Ring = { generation: 1, epoch: 1, replicas: REPLICAS, tokens }
  const replicas = Math.min(REPLICAS, nodes)
  const held = new Map<string, number>()
  for (let slot = 0; slot < SLOTS; slot++) for (const node of preferenceList(tokens, REPLICAS, slot)) held.set(node, (held.get(node) ?? 0) + 1)
  const moved = moves(tokens, after, REPLICAS).reduce((sum, { min, max, from, to }) => sum + (max - min + 1) * to.filter(node => !from.includes(node)).length, 0)
  const own = Array.from({ length: SLOTS }, (_, slot) => preferenceList(after, REPLICAS, slot)).filter(list => list.includes(joined)).length
  const ringBytes = JSON.stringify(ringToJson(ring)).length
  const beganMs = performance.now()
  createPlacement(ring).replicates(joined, 0)
  return {
    maxOverMean: Math.max(...held.values()) / (SLOTS * replicas / nodes),
    // What the new node holds has to reach it, and nothing else has to move.
    movedOverLeast: moved / own,
    ringBytes,
    installMs: performance.now() - beganMs,
    greetingBytes: encodeRequest({ ring, ringJson: undefined, operations: [] }).length,
    // Two rounds of votes with the present ring, in the second with the next one besides, and the news of it; for the beginning, each end of a receiver's copying, at least one, the same.
    changeBytes: 2 * nodes * (2 * ringBytes + ringBytes + ringBytes)
  }
}

/** Tokens of nodes that join one after the other, in order of their positions, beside those that are there. */
function drawTokens (nodes: number, tokensEach: number, positions: Positions, chance: () => number, present: readonly Token[] = [], only?: string): Token[] {
  const nodeOf = new Map(present.map(({ position, node }) => [position, node]))
  for (let i = 0; i < nodes * tokensEach; i++) {
    const position = positions === 'even' && nodeOf.size > 0 ? middleOfWidest([...nodeOf.keys()]) : freePosition(nodeOf, chance)
    nodeOf.set(position, only ?? nodeName(i % nodes))
  }
  return [...nodeOf].map(([position, node]) => ({ position, node })).sort((a, b) => a.position - b.position)
}

function freePosition (taken: ReadonlyMap<number, string>, chance: () => number): number {
  let position = Math.floor(chance() * SLOTS)
  while (taken.has(position)) position = (position + 1) % SLOTS
  return position
}

/** The middle of the widest arc between two tokens. */
function middleOfWidest (positions: number[]): number {
  const sorted = positions.sort((a, b) => a - b)
  let best = { from: 0, width: -1 }
  sorted.forEach((from, i) => {
    const width = i === sorted.length - 1 ? SLOTS - from + (sorted[0] as number) : (sorted[i + 1] as number) - from
    if (width > best.width) best = { from, width }
  })
  return (best.from + Math.floor(best.width / 2)) % SLOTS
}

const nodeName = (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:5000`

const round = (number: number, digits: number) => Number(number.toFixed(digits))

/** Numbers in [0, 1) from a seed: a linear congruential generator with the constants of Numerical Recipes. */
function createChance (seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
