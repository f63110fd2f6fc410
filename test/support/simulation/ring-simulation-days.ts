// Days go by in a simulated cluster: nodes look at what they missed, or distrust what they hold, and
// tombstones go. The hours pass in steps, each at an instant at which no message and no command is under way,
// so nothing takes longer by a clock on the wall than it may; but streams that crawl do.

import { attempt } from './ring-simulation-clients.ts'
import { forget, loseAll, remembers, reseed } from './ring-simulation-faults.ts'
import { canMissWrites } from '../../../src/core/ring/sentinel.ts'
import { newestRing } from './ring-simulation-operators.ts'
import { workerOf } from './ring-simulation-worker.ts'
import { count, gate, HOUR_MS, pick, type Machine, type Stall, type World } from './ring-simulation-world.ts'

/** A step, and what follows it, so that every node has looked at its clock. */
const STEP_MS = HOUR_MS / 3
const AFTER_STEP_MS = 600

/** Until then a node that could not reach the others has tried once more. */
const TRIED_AGAIN_MS = 11_000

/** How long a stream may rest between two pieces where it crawls: some steps. */
const CRAWL_MS = 4_000

/** How far a clock may be wrong, each way. */
const MOST_APART_MS = 3_000

async function lapse(world: World, hours: number): Promise<void> {
  const { time, machines } = world
  const isQuiet = () =>
    world.busy === 0 &&
    machines.every(({ node }) => node?.workers.every(({ requests }) => requests.inFlight === 0) ?? true)
  for (let leftMs = hours * HOUR_MS; leftMs > 0; leftMs -= STEP_MS) {
    for (let looks = 0; !isQuiet() && looks < 500; looks++) await time.sleep(13)
    world.lapsedMs += Math.min(leftMs, STEP_MS)
    await time.sleep(AFTER_STEP_MS)
  }
}

/** Clocks that are apart by more than the hour which trust leaves to tombstones break the promise. */
export function agreeOnTheTime({ machines }: World): boolean {
  return machines.every(({ skewMs }) => Math.abs(skewMs) <= MOST_APART_MS)
}

/** What the machine reads of others, when it looks at what it missed, comes an hour or two late. */
async function lookForLong(world: World, machine: Machine): Promise<void> {
  const { opened, open } = gate()
  const stall: Stall = { from: undefined, streams: 0, asked: opened, arrived: opened }
  machine.stall = stall
  for (let looks = 0; looks < TRIED_AGAIN_MS / 500 && stall.streams === 0; looks++) {
    await world.time.sleep(500)
  }
  if (stall.streams > 0) count(world, 'looks for hours')
  await lapse(world, 1.5 + world.chance())
  open()
  machine.stall = undefined
}

/** Whether days go by in a run: more often where a node can miss anything. */
export function drawDays(world: World): boolean {
  return world.chance() < (canMissWrites(newestRing(world)) ? 0.2 : 0.05) && agreeOnTheTime(world)
}

/** A node is cut off, and misses what becomes of some keys; hours later it is back. */
export async function passDays(world: World): Promise<void> {
  const { chance, time, machines, stillKeys } = world
  count(world, 'days')
  const members = machines.filter(({ name }) => world.seed.tokens.some(({ node }) => node === name))
  const apart = pick(chance, members)
  const other = pick(
    chance,
    members.filter(machine => machine !== apart)
  ) as Machine | undefined
  if (other === undefined) return
  // Who recovers already and who is cut off would be a majority that forgets at once.
  for (let looks = 0; looks < 40 && !members.every(remembers); looks++) await time.sleep(500)
  if (!members.every(remembers)) return
  apart.group = 1
  for (const key of stillKeys) {
    if (chance() < 0.6) await attempt(world, 400, { kind: 'delete', key }, workerOf(world, other))
  }
  const looksForLong = chance() < 0.5
  await lapse(world, (looksForLong ? 22 : pick(chance, [3, 7, 22, 23.5, 25])) + 0.9 * chance())
  world.weather.crawlMs = pick(chance, [0, CRAWL_MS, CRAWL_MS])
  // Who looks for so long may have to distrust itself, and then a majority would have forgotten at once.
  if (!looksForLong && chance() < 0.2) await pick(chance, [forget, loseAll])(world, pick(chance, members))
  apart.group = 0
  if (looksForLong) await lookForLong(world, apart)
  else await time.sleep(TRIED_AGAIN_MS)
  await lapse(world, pick(chance, [0.5, 2, 4]))
  if (chance() < 0.3) await pick(chance, [forget, loseAll, reseed])(world, pick(chance, members))
  world.weather.crawlMs = 0
  await lapse(world, pick(chance, [1, 3, 7, 25]))
}
