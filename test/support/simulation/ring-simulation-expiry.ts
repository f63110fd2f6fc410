// Values of a simulated cluster whose time is over one day, and what that means to the checker.

import { agreeOnTheTime } from './ring-simulation-days.ts'
import { count, HOUR_MS, pick, START_MS, type World } from './ring-simulation-world.ts'

/** In the place of a client, for the ends of values. */
const ENDS = -1

/** No two clocks are further apart in a run with such values: what they are at first, and what skews them. */
const APART_MS = 20_000

/** The share of the writes whose value has an end, where there are any. */
const SHARE = 0.4

/** Decides, before anything is written, whether values have an end in this run. */
export function drawExpiry(world: World): void {
  if (agreeOnTheTime(world) && world.chance() < 0.3) world.expiry.share = SHARE
}

/**
 * When a value is to be over, milliseconds since 1970; 0: never. For the checker its end is a delete that may
 * happen at any time from then on, by the clock that is furthest ahead, or never. So no read may find it once
 * one has found it gone.
 */
export function expiryOf(world: World, wallMs: number, key: string, value: string, isStill: boolean): number {
  const { chance, time, expiry, history } = world
  if (chance() >= expiry.share) return 0
  count(world, 'expiring values')
  const lastsMs = isStill
    ? chance() * pick(chance, [20, 26 * HOUR_MS, 26 * HOUR_MS])
    : chance() * pick(chance, [300, 2_000, 10_000])
  const expiresAtMs = wallMs + 1 + Math.floor(lastsMs)
  expiry.ofValue.set(`${key} ${value}`, expiresAtMs)
  // Hours may be passed over while a still key lasts.
  const inMs = isStill ? 0 : Math.max(0, expiresAtMs - APART_MS - START_MS - world.lapsedMs - time.nowMs)
  time.after(inMs, () => {
    history.invoke(ENDS, { kind: 'delete', key })
  })
  return expiresAtMs
}

/** Notes a read that found a value which was over by every clock when it began. */
export function noteOver(world: World, key: string, found: string | undefined, beganMs: number): void {
  const expiresAtMs = world.expiry.ofValue.get(`${key} ${found}`)
  if (expiresAtMs === undefined || expiresAtMs + APART_MS > START_MS + beganMs) return
  world.violations.push(`a read of ${key} found ${found}, which was over by every clock`)
}
