// The network between simulated machines, and time as a process on one of them has it: messages are delayed, overtake one another,
// are lost or arrive twice, and a process that has ended never goes on.

import { failed, type Failed } from '../../src/core/ports.ts'
import { type Process } from './ring-simulation-process.ts'
import { type Machine, type World } from './ring-simulation-world.ts'

/** Time for one process. What it waits for never comes once it has ended. */
export interface Life {
  readonly alive: boolean
  sleep (ms: number): Promise<void>
  end (): void
}

export function createLife ({ time }: World, machine: Machine): Life {
  let alive = true
  return {
    get alive () { return alive },
    sleep: ms => new Promise(resolve => {
      const wake = () => {
        if (!alive) return
        if (machine.stillUntilMs > time.nowMs) time.after(machine.stillUntilMs - time.nowMs, wake)
        else resolve()
      }
      time.after(ms, wake)
    }),
    end () { alive = false }
  }
}

export type Handler<A> = (server: Process) => Promise<A>

function travelMs ({ chance, weather: { delayMs, stragglers, stragglerMs } }: World): number {
  return chance() * (chance() < stragglers ? stragglerMs : delayMs)
}

const connected = (from: Machine, to: Machine) => from.group === to.group && from.process !== undefined && to.process !== undefined

/**
 * Has the process on another machine handle a message and brings its answer back. Never rejects; settles within the deadline, unless the
 * sender ends. `once`: the message is part of a connection, and so cannot arrive twice.
 */
export function post<A> (world: World, from: Machine, to: Machine, handle: Handler<A>, once = false): Promise<A | Failed> {
  const { time, chance, weather } = world
  const sender = from.process
  return new Promise(resolve => {
    const settle = (answer: A | Failed) => { if (sender?.life.alive) resolve(answer) }
    // A machine that is cut off either refuses the connection, and then nothing was sent, or says nothing at all.
    if (!connected(from, to) && chance() < 0.7) return time.after(1, () => settle(failed('unreachable')))
    time.after(weather.deadlineMs, () => settle(failed('timeout')))
    const arrive = () => deliver(world, from, to, handle, settle)
    time.after(travelMs(world), arrive)
    if (!once && chance() < weather.repeated) time.after(4 * travelMs(world), arrive)
  })
}

function deliver<A> (world: World, from: Machine, to: Machine, handle: Handler<A>, settle: (answer: A) => void): void {
  const { time, chance, weather } = world
  if (to.stillUntilMs > time.nowMs) {
    time.after(to.stillUntilMs - time.nowMs + travelMs(world), () => deliver(world, from, to, handle, settle))
    return
  }
  const server = to.process
  if (server === undefined || from.group !== to.group || chance() < weather.lost) return
  handle(server).then(answer => {
    if (chance() < world.weather.lost) return
    time.after(travelMs(world), () => { if (connected(from, to)) settle(answer) })
  }, error => world.violations.push(`a handler failed: ${(error as Error).stack}`))
}
