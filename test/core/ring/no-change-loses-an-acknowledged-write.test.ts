// Every ring that changes can make of a few nodes, and every set of nodes that may hold an acknowledged write
// under it: whatever is changed, forced or given up, every read meets the write; and of two rings that follow
// one another no read misses a write of either.

import assert from 'node:assert/strict'
import t from 'tap'
import { abortChange, beginChange, receivedAll, type Change } from '../../../src/core/ring/change.ts'
import {
  createPlacement,
  dueTo,
  majority,
  preferenceList,
  type Plan
} from '../../../src/core/ring/placement.ts'
import { isReceived, type Fetched } from '../../../src/core/copying/recovery.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { KvError } from '../../../src/errors.ts'

type Nodes = ReadonlySet<string>

interface Step {
  readonly to: Ring
  readonly receiver?: string
}

const SLOT = 0

function subsets<T>(of: readonly T[], size: number): T[][] {
  if (size === 0) return [[]]
  return of.flatMap((item, i) => subsets(of.slice(i + 1), size - 1).map(rest => [item, ...rest]))
}

/** The smallest sets of nodes that acknowledge a write. */
function writesOf(plan: Plan): Nodes[] {
  return plan.sets
    .reduce<string[][]>(
      (unions, set) =>
        unions.flatMap(union =>
          subsets(
            set.members.map(i => plan.nodes[i] as string),
            set.write
          ).map(quorum => [...union, ...quorum])
        ),
      [[]]
    )
    .map(union => new Set(union))
}

/** True if some read finds none of the holders. */
function canMiss(plan: Plan, holders: Nodes): boolean {
  return plan.sets.every(
    ({ members, read }) => members.filter(i => !holders.has(plan.nodes[i] as string)).length >= read
  )
}

/**
 * True if fewer members of the first set hold the write than the plan says of acknowledged writes: a read
 * would take it for one that nobody has seen.
 */
function isRuledOut({ nodes, sets, kept }: Plan, holders: Nodes): boolean {
  return (sets[0]?.members ?? []).filter(i => holders.has(nodes[i] as string)).length < kept
}

/** True if the slot has lost so many replicas for good that the store promises nothing. */
function isBeyondPromise(ring: Ring): boolean {
  const all = preferenceList(ring.tokens, ring.replicas, SLOT)
  return all.filter(node => !ring.gone?.includes(node)).length < majority(all.length)
}

function attempt(step: () => Ring): Ring[] {
  try {
    return [step()]
  } catch (error) {
    if (error instanceof KvError) return []
    throw error
  }
}

/** Every ring that may follow. Each node has one token, or of a few nodes up to two. */
function stepsFrom(ring: Ring, nodes: readonly string[]): Step[] {
  const changes = nodes.flatMap((node, i): Change[] => [
    { kind: 'add', position: i, node },
    { kind: 'remove', node, gone: false },
    { kind: 'remove', node, gone: true },
    ...(nodes.length < 4
      ? ([
          { kind: 'add', position: i + 50, node },
          { kind: 'remove-token', position: i, node }
        ] as const)
      : [])
  ])
  const others = [...changes.map(change => () => beginChange(ring, change)), () => abortChange(ring)].flatMap(
    attempt
  )
  const received = (ring.pending ?? []).map(receiver => ({ to: receivedAll(ring, ring, receiver), receiver }))
  return [...others.map(to => ({ to })), ...received].filter(({ to }) => to !== ring && !isBeyondPromise(to))
}

/**
 * Who holds the write after the step, whichever sources were enough for a receiver; a stable ring purges at
 * once.
 */
function holdersAfter(ring: Ring, { to, receiver }: Step, holders: Nodes): Nodes[] {
  const left = (held: Nodes) =>
    new Set(
      [...held].filter(
        node =>
          !to.gone?.includes(node) &&
          (to.next !== undefined || preferenceList(to.tokens, to.replicas, SLOT).includes(node))
      )
    )
  const due =
    receiver === undefined
      ? undefined
      : dueTo(ring, receiver).find(({ min, max }) => min <= SLOT && SLOT <= max)
  if (receiver === undefined || due === undefined) return [left(holders)]
  const size = due.others.findIndex((_, i) => isReceived(due, answers(due.others.slice(0, i))))
  const sources = subsets(due.others, size < 0 ? due.others.length : size)
  const results = sources.map(chosen =>
    chosen.some(node => holders.has(node)) ? new Set([...holders, receiver]) : holders
  )
  return results.map(left)
}

const answers = (nodes: readonly string[]) =>
  new Map<string, Fetched>(nodes.map(node => [node, { remembers: true }]))

const shape = ({ tokens, next, pending, gone }: Ring) => JSON.stringify([tokens, next, pending, gone])

interface Known {
  readonly ring: Ring
  readonly plan: Plan
  readonly steps: readonly Step[]
  readonly met: Set<string>
}

/**
 * Walks through all rings and holders; returns how many there were of each, and throws where a read can miss
 * the write.
 */
function explore(nodes: readonly string[], replicas: number): { rings: number; states: number } {
  const known = new Map<string, Known>()
  const open: Array<{ at: Known; holders: Nodes; path: string }> = []

  function reach(at: Known, holders: Nodes, path: string): void {
    const key = [...holders].sort().join()
    if (at.met.has(key)) return
    at.met.add(key)
    if (canMiss(at.plan, holders)) {
      assert.fail(`a read misses the write that ${key || 'nobody'} holds:${path}`)
    }
    if (isRuledOut(at.plan, holders)) {
      assert.fail(`a read takes the write that ${key} holds for unfinished:${path}`)
    }
    open.push({ at, holders, path })
  }

  function discover(ring: Ring): Known {
    let at = known.get(shape(ring))
    if (at === undefined) {
      at = { ring, plan: createPlacement(ring).plan(SLOT), steps: stepsFrom(ring, nodes), met: new Set() }
      known.set(shape(ring), at)
      for (const write of writesOf(at.plan)) reach(at, write, `\n${describe(ring)} written to ${[...write]}`)
    }
    return at
  }

  discover({
    generation: 1,
    epoch: 1,
    replicas,
    tokens: nodes.slice(0, 1).map((node, position) => ({ position, node }))
  })
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const { at, holders, path } = state
    for (const step of at.steps) {
      const next = discover(step.to)
      for (const after of holdersAfter(at.ring, step, holders)) {
        reach(next, after, `${path}\n${describe(step.to)} held by ${[...after]}`)
      }
    }
  }
  for (const { plan, steps } of known.values()) {
    for (const { to } of steps) checkNeighbours(plan, createPlacement(to).plan(SLOT))
  }
  return { rings: known.size, states: [...known.values()].reduce((sum, { met }) => sum + met.size, 0) }
}

/** No read under either ring misses a write under the other. */
function checkNeighbours(one: Plan, other: Plan): void {
  for (const [from, to] of [
    [one, other],
    [other, one]
  ] as const) {
    for (const write of writesOf(from)) {
      if (canMiss(to, write)) {
        assert.fail(`a write of ${JSON.stringify(from)} is missed by a read of ${JSON.stringify(to)}`)
      }
    }
  }
}

function describe({ tokens, next, pending, gone }: Ring): string {
  const names = (list: Ring['tokens']) => list.map(token => token.node).join()
  const change = next === undefined ? '' : ` to [${names(next)}], pending ${pending}, gone ${gone}`
  return `[${names(tokens)}]${change}`
}

for (const [count, replicas] of [
  [3, 1],
  [3, 2],
  [3, 3],
  [4, 2],
  [4, 3],
  [4, 4],
  [5, 3],
  [5, 4],
  [5, 5]
] as const) {
  t.test(`${count} nodes, ${replicas} replicas`, async t => {
    const { rings, states } = explore(['a:1', 'b:1', 'c:1', 'd:1', 'e:1'].slice(0, count), replicas)
    t.comment(`${rings} rings, ${states} states`)
    t.ok(rings > 20 && states > rings)
  })
}
