// What happens to a simulated cluster from outside: operators who change the ring, faults by chance, and
// faults at the worst of times, as the state of the cluster tells: when it votes, when a ring changes, when a
// write is at two of three replicas only.

import {
  die,
  fill,
  forget,
  killWorker,
  loseAll,
  partition,
  pause,
  reseed,
  reseedAnew,
  restart,
  skew,
  type Fault,
  type Loss
} from './ring-simulation-faults.ts'
import { operate, thereAndBack } from './ring-simulation-operators.ts'
import { pick, type Machine, type Moment, type World } from './ring-simulation-world.ts'
import {
  crowd,
  rival,
  crashSoon,
  crashAmongRivals,
  writeMeanwhile,
  betray,
  emptyAfterWrite,
  pushOut
} from './ring-simulation-moments.ts'

/** How long operators and faults are at work. */
const STORM_MS = 18_000

/** A kind of storm: how often what may happen, at most. */
export interface Storm {
  readonly operators: number
  readonly faults: readonly Fault[]
  readonly atMost: number
  /** What is done at a moment of the cluster, and how likely. */
  readonly at?: {
    readonly [moment in Moment]?: {
      readonly share: number
      readonly action: (world: World, machine: Machine) => Promise<void>
    }
  }
  readonly weather?: Partial<World['weather']>
}

const some =
  (loss: Loss): Fault =>
  async world => {
    await loss(world, pick(world.chance, world.machines))
  }

const QUIET: Storm['weather'] = { delayMs: 20, stragglers: 0, lost: 0, storageMs: 5, slow: 0, hung: 0 }

const STORMS: readonly Storm[] = [
  { operators: 14, faults: [], atMost: 0 },
  { operators: 14, faults: [partition, pause, restart, skew, killWorker, fill], atMost: 8 },
  {
    operators: 14,
    faults: [some(forget), some(loseAll), some(reseed), restart, partition, pause, killWorker],
    atMost: 8
  },
  { operators: 14, faults: [die, die, partition, restart], atMost: 8 },
  { operators: 14, faults: [partition], atMost: 8 },
  { operators: 12, faults: [thereAndBack], atMost: 2, weather: { crawlMs: 3_000 } },
  {
    operators: 6,
    faults: [rival, rival],
    atMost: 3,
    at: { promised: { share: 0.1, action: crashSoon }, accepted: { share: 0.2, action: crashAmongRivals } },
    weather: { lost: 0 }
  },
  {
    operators: 6,
    faults: [],
    atMost: 0,
    at: { accepted: { share: 0.3, action: crashAmongRivals } },
    weather: QUIET
  },
  {
    operators: 10,
    faults: [killWorker],
    atMost: 1,
    at: { 'new ring': { share: 1, action: writeMeanwhile } },
    weather: QUIET
  },
  {
    operators: 10,
    faults: [],
    atMost: 0,
    at: { 'new ring': { share: 1, action: writeMeanwhile } },
    weather: QUIET
  },
  {
    operators: 10,
    faults: [],
    atMost: 0,
    at: { 'new ring': { share: 1, action: writeMeanwhile } },
    weather: QUIET
  },
  {
    operators: 1,
    faults: [crowd],
    atMost: 10,
    weather: {
      delayMs: 30,
      stragglers: 0.5,
      stragglerMs: 1_500,
      deadlineMs: 2_000,
      lost: 0,
      storageMs: 10,
      slow: 0,
      hung: 0
    }
  }
]

/** Storms that take memory from a node of a cluster that bears it. */
const THEFTS: readonly Storm[] = [
  {
    operators: 14,
    faults: [some(forget), some(loseAll), some(reseed), restart, partition, pause, killWorker],
    atMost: 8
  },
  { operators: 4, faults: [betray(forget), betray(loseAll), betray(reseed)], atMost: 3 },
  { operators: 0, faults: [betray(reseed), betray(reseed), betray(reseedAnew)], atMost: 2 },
  { operators: 0, faults: [betray(reseed), betray(reseed), betray(reseedAnew)], atMost: 2 },
  {
    operators: 2,
    faults: [thereAndBack, betray(forget, 1), thereAndBack],
    atMost: 5,
    weather: { crawlMs: 4_000 }
  },
  { operators: 0, faults: [pushOut], atMost: 3, weather: QUIET },
  { operators: 0, faults: [pushOut], atMost: 5, weather: QUIET }
]

/** Answers to the keeper's commands are lost while nodes are seeded. */
const LOST_ANSWERS: Storm = {
  operators: 2,
  faults: [some(forget), killWorker],
  atMost: 3,
  weather: { recordLost: 0.5 },
  at: { 'sentinel added': { share: 0.9, action: emptyAfterWrite } }
}

/** What may happen in a run; worse things where the cluster bears them. */
export function drawStorm({ chance, seed: { tokens, replicas }, machines }: World): Storm {
  const bearsLosses = replicas >= 3 && new Set(tokens.map(({ node }) => node)).size >= 3
  if (
    bearsLosses &&
    machines.some(({ disk, name }) => disk.ring === undefined && tokens.some(({ node }) => node === name)) &&
    chance() < 0.9
  ) {
    return LOST_ANSWERS
  }
  return pick(chance, bearsLosses && chance() < 0.6 ? THEFTS : STORMS)
}

/**
 * Does what the storm has for moments of the cluster. What it returns ends that; it resolves when all of it
 * is over.
 */
export function watchMoments(world: World, { at = {} }: Storm): () => Promise<void> {
  const pending = new Set<Promise<void>>()
  world.moment = (moment, machine) => {
    const special = at[moment]
    if (special === undefined || world.chance() >= special.share) return
    const done = special.action(world, machine).finally(() => pending.delete(done))
    pending.add(done)
  }
  return async () => {
    world.moment = () => {}
    await Promise.all(pending)
  }
}

/** Plans everything else that operators and faults do in a run; resolves when all of it is over. */
export async function brew(world: World, { operators, faults, atMost }: Storm): Promise<void> {
  const { chance, time } = world
  const repeat = (most: number, action: () => Promise<void>) =>
    Array.from({ length: Math.floor(chance() * (most + 1)) }, async () => {
      await time.sleep(chance() * STORM_MS)
      await action()
    })
  await Promise.all([
    ...repeat(operators, () => operate(world)),
    ...(faults.length === 0 ? [] : repeat(atMost, () => pick(chance, faults)(world)))
  ])
}
