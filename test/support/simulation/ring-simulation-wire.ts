// The network between simulated machines, and time as a process on one of them has it: messages are delayed,
// overtake one another, are lost or arrive twice, and a process that has ended never goes on.

import { type Timers } from '../../../src/core/quorum/deadline.ts'
import { failed, type Failed } from '../../../src/core/ports.ts'
import { type Worker } from './ring-simulation-worker.ts'
import { pick, type Machine, type World } from './ring-simulation-world.ts'

/**
 * Time for one process. What it waits for never comes once it has ended, and not before it goes on where it
 * stands still.
 */
export interface Life {
  readonly alive: boolean
  readonly timers: Timers
  /** Until then, milliseconds, the process does nothing. */
  stillUntilMs: number
  sleep(ms: number): Promise<void>
  /** Does it as soon as the process can. */
  wake(action: () => void): void
  end(): void
  /**
   * Has the listener called when the process ends, or at once where it has. What it returns calls that off.
   */
  onEnd(listener: () => void): () => void
}

export function createLife({ time }: World, machine: Machine): Life {
  let alive = true
  const listeners = new Set<() => void>()

  const life: Life = {
    get alive() {
      return alive
    },
    stillUntilMs: 0,
    sleep: ms =>
      new Promise(resolve => {
        time.after(ms, () => life.wake(resolve))
      }),
    wake(action) {
      if (!alive) return
      const untilMs = Math.max(machine.stillUntilMs, life.stillUntilMs)
      if (untilMs > time.nowMs) time.after(untilMs - time.nowMs, () => life.wake(action))
      else action()
    },
    timers: {
      after: (ms, act) => time.after(ms, () => life.wake(act)),
      afterReading: act => {
        time.after(0, () => life.wake(act))
      },
      every(ms, act) {
        let over = false
        const again = () => {
          if (over) return
          act()
          time.after(ms, () => life.wake(again))
        }
        time.after(ms, () => life.wake(again))
        return () => {
          over = true
        }
      }
    },
    end() {
      if (!alive) return
      alive = false
      for (const listener of [...listeners]) listener()
    },
    onEnd(listener) {
      if (alive) listeners.add(listener)
      else listener()
      return () => {
        listeners.delete(listener)
      }
    }
  }
  return life
}

export type Handler<A> = (server: Worker) => Promise<A>

export interface Message<A> {
  readonly life: Life
  readonly from: Machine
  readonly to: Machine
  readonly deadlineMs: number
  /** It is part of a connection to this process, and so cannot arrive twice or elsewhere. */
  readonly server?: Worker | undefined
  readonly once?: boolean
  handle(server: Worker): Promise<A>
}

export function travelMs({ chance, weather: { delayMs, stragglers, stragglerMs } }: World): number {
  return chance() * (chance() < stragglers ? stragglerMs : delayMs)
}

const connected = (from: Machine, to: Machine) =>
  from.group === to.group && from.node !== undefined && to.node !== undefined

/**
 * Has a process on another machine handle a message and brings its answer back. Never rejects; settles within
 * the deadline, unless the sender ends.
 */
export function post<A>(world: World, message: Message<A>): Promise<A | Failed> {
  const { time, chance, weather } = world
  const { life, from, to, once = message.server !== undefined } = message
  world.busy++
  return new Promise(resolve => {
    let open = true
    const settle = (answer: A | Failed) => {
      if (!open) return
      open = false
      world.busy--
      life.wake(() => resolve(answer))
    }
    // A machine that is cut off either refuses the connection, and then nothing was sent, or says nothing at
    // all.
    if (!connected(from, to) && chance() < 0.7) {
      time.after(1, () => settle(failed('unreachable')))
      return
    }
    const callOff = time.after(message.deadlineMs, () => settle(failed('timeout')))
    const isRepeated = !once && chance() < weather.repeated
    time.after(travelMs(world), () =>
      deliver(
        world,
        message,
        answer => {
          callOff()
          settle(answer)
        },
        isRepeated
      )
    )
  })
}

/**
 * A message that is repeated is handled once more after it has been; the answer to that goes nowhere, as
 * nobody waits for it on any connection.
 */
function deliver<A>(
  world: World,
  message: Message<A>,
  settle: (answer: A | Failed) => void,
  isRepeated = false
): void {
  const { time, chance, weather } = world
  const { from, to } = message
  const workers = to.node?.workers ?? []
  const server = message.server ?? (workers.length === 0 ? undefined : pick(chance, workers))
  if (server === undefined || !server.life.alive || from.group !== to.group || chance() < weather.lost) return
  const untilMs = Math.max(to.stillUntilMs, server.life.stillUntilMs)
  if (untilMs > time.nowMs) {
    time.after(untilMs - time.nowMs + travelMs(world), () =>
      deliver(world, { ...message, server }, settle, isRepeated)
    )
    return
  }
  message.handle(server).then(
    answer => {
      if (isRepeated) time.after(4 * travelMs(world), () => deliver(world, message, () => {}))
      if (chance() < world.weather.lost) return
      time.after(travelMs(world), () => {
        if (connected(from, to)) settle(answer)
      })
    },
    error => world.violations.push(`a handler failed: ${(error as Error).stack}`)
  )
}
