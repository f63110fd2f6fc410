// How a simulated cluster begins: machines that have a ring and hold nothing yet, or ones that nobody has
// seeded; clocks; the weather to come.

import { type Trace } from './ring-simulation-trace.ts'
import { sentinelText } from '../../../src/core/ring/sentinel.ts'
import { type Ring, type Token } from '../../../src/core/ring/ring.ts'
import { RING_NAME } from '../../../src/storage/memcached/names.ts'
import { createChance, createHistory } from '../checker/history.ts'
import {
  CALM,
  count,
  HOUR_MS,
  pick,
  START_MS,
  type Machine,
  type RingFaults,
  type Weather,
  type World
} from './ring-simulation-world.ts'
import { drawExpiry } from './ring-simulation-expiry.ts'
import { createVirtualTime } from './virtual-time.ts'

export function createWorld(seed: number, faults: RingFaults, trace?: Trace): World {
  const chance = createChance(seed)
  const time = createVirtualTime()
  const names = Array.from({ length: pick(chance, [1, 2, 3, 3, 4, 4, 5, 5]) }, (_, i) => `node-${i}:5000`)
  const ring: Ring = {
    generation: 1,
    epoch: 1,
    replicas: pick(chance, [1, 1, 2, 3, 3, 3, 3, 3, 5]),
    tokens: drawTokens(
      chance,
      names.slice(
        0,
        pick(chance, [names.length, names.length, 3, 1, 1 + Math.floor(chance() * names.length)])
      )
    )
  }
  const members = ring.tokens.map(({ node }) => node)
  const spreadMs = pick(chance, [0, 200, 3_000, 4 * HOUR_MS, 100 * HOUR_MS])
  // In some runs nobody has seeded anything yet.
  const isFresh = chance() < 0.3
  const machines = names.map((name): Machine => {
    // The others are standbys that know the ring, or new.
    const knows = !isFresh && (members.includes(name) || chance() < 0.5)
    return {
      name,
      shelf: {
        items: new Map(
          knows
            ? [
                [
                  RING_NAME,
                  { bytes: Buffer.from(sentinelText({ ring, repairedMs: START_MS })), cas: 1, expiryS: 0 }
                ]
              ]
            : []
        ),
        run: 1,
        lastCas: 1,
        limit: Infinity,
        late: new Set()
      },
      disk: {
        ring: knows ? ring : undefined,
        votes: knows ? { life: Math.floor(chance() * 2 ** 48), forgetful: false } : undefined
      },
      node: undefined,
      workers: pick(chance, [1, 1, 2, 3]),
      watched: chance() < 0.3,
      group: 0,
      stillUntilMs: 0,
      crawlMs: 0,
      stall: undefined,
      slowUntilMs: 0,
      dead: false,
      skewMs: (chance() - 0.5) * spreadMs
    }
  })
  // The first machine is a member, so that the first writes get through.
  machines.sort((a, b) => Number(members.includes(b.name)) - Number(members.includes(a.name)))
  const world: World = {
    trace,
    time,
    chance,
    weather: { ...CALM },
    machines,
    faults,
    history: createHistory(() => time.nowMs),
    keys: pick(chance, [['key 1'], ['key 1', 'key 2'], ['key 3', 'key 4']]),
    stillKeys: ['key 5', 'key 6', 'key 7', 'key 8', 'key 9'],
    rings: new Map(),
    expiry: { share: 0, ofValue: new Map() },
    violations: [],
    counts: {},
    busy: 0,
    lapsedMs: 0,
    seed: { tokens: ring.tokens, replicas: ring.replicas, generation: ring.generation },
    moment: () => {},
    over: false
  }
  drawExpiry(world)
  count(world, `replicas ${ring.replicas}`)
  return world
}

/** One token for each node, or two for some. */
function drawTokens(chance: () => number, names: readonly string[]): Token[] {
  const tokens = new Map(
    names.flatMap(node =>
      Array.from({ length: pick(chance, [1, 1, 2]) }, () => [Math.floor(chance() * 10_000), node] as const)
    )
  )
  return [...tokens].map(([position, node]) => ({ position, node })).sort((a, b) => a.position - b.position)
}

export function drawWeather(chance: () => number): Weather {
  const often = pick(chance, [0, 0.01, 0.05])
  return {
    delayMs: pick(chance, [30, 150, 600]),
    stragglers: pick(chance, [0, 0.2, 0.5]),
    stragglerMs: pick(chance, [800, 2_500]),
    deadlineMs: pick(chance, [1_000, 2_000]),
    lost: often * chance(),
    repeated: often * chance(),
    storageMs: pick(chance, [10, 50, 200]),
    slow: pick(chance, [0, 0.1, 0.5]),
    hung: pick(chance, [0, 0, 0, 0.01, 0.05]),
    recordLost: 0,
    crawlMs: 0
  }
}
