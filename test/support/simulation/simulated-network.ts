// The replicas of a simulated cluster and the network between them: messages are delayed, overtake one
// another, are lost or arrive twice; nodes are cut off, crash with their memory kept, stand still, or
// recover. Whatever a caller is told is true in the sense of the ports: `unreachable`, `overloaded`, `full`
// and `fenced` mean that nothing was done.

import {
  FENCED,
  failed,
  type Fenced,
  type GetResult,
  type MergeResult,
  type Replicas,
  type Storage
} from '../../../src/core/ports.ts'
import { compareRecords, type PairRecord } from '../../../src/core/pairs/record.ts'
import { type VirtualTime } from './virtual-time.ts'

/** How bad the network is; shares are from 0 to 1. */
export interface Weather {
  /**
   * A message takes up to so long, in most cases; else up to the time of a straggler, which may be past the
   * deadline.
   */
  readonly delayMs: number
  readonly stragglers: number
  readonly stragglerMs: number
  readonly deadlineMs: number
  readonly lost: number
  /** Merges that take effect a second time, later. */
  readonly repeated: number
  readonly overloaded: number
  readonly full: number
  /** Operations that a replica refuses because it is just about to install a ring. */
  readonly fenced: number
}

export const CALM: Weather = {
  delayMs: 5,
  stragglers: 0,
  stragglerMs: 0,
  deadlineMs: 100,
  lost: 0,
  repeated: 0,
  overloaded: 0,
  full: 0,
  fenced: 0
}

export interface SimulatedNode {
  readonly name: string
  readonly storage: Pick<Storage, 'get' | 'merge'>
  /** Nodes of different groups do not reach each other. */
  group: number
  crashed: boolean
  /** Stores what it is sent, but must not be counted. */
  recovering: boolean
  /** What would need room it refuses. */
  full: boolean
  /** Until then, milliseconds, it does nothing with what arrives. */
  stillUntilMs: number
}

export interface Network {
  weather: Weather
  readonly counts: {
    messages: number
    lost: number
    timeouts: number
    stale: number
    fenced: number
    repeated: number
    full: number
  }
  /** The replicas as seen from a node. */
  from(node: string): Replicas
}

type Answer = GetResult | MergeResult | Fenced
interface Message {
  readonly from: SimulatedNode
  readonly to: SimulatedNode
  readonly slot: number
  readonly key: string
  readonly record: PairRecord | undefined
}

export function createNetwork(
  time: VirtualTime,
  chance: () => number,
  nodes: ReadonlyMap<string, SimulatedNode>
): Network {
  const counts = { messages: 0, lost: 0, timeouts: 0, stale: 0, fenced: 0, repeated: 0, full: 0 }
  const network: Network = { weather: CALM, counts, from }

  const travelMs = () => {
    const { delayMs, stragglers, stragglerMs } = network.weather
    return chance() * (chance() < stragglers ? stragglerMs : delayMs)
  }

  const connected = ({ from, to }: Message) => !from.crashed && !to.crashed && from.group === to.group

  async function apply({ to, slot, key, record }: Message): Promise<GetResult | MergeResult> {
    const found = await to.storage.get(slot, key)
    if (record === undefined) return found
    const isThere = found.kind === 'found' && compareRecords(found.record, record) >= 0
    if (!isThere && (to.full || chance() < network.weather.full)) {
      counts.full++
      return failed('full')
    }
    return to.storage.merge(slot, key, record)
  }

  /** What the replica does with a message, and says. */
  async function serve(message: Message): Promise<Answer> {
    const { to, record } = message
    const { fenced, repeated } = network.weather
    if (chance() < fenced) {
      counts.fenced++
      return FENCED
    }
    const answer = await apply(message)
    if (answer.kind === 'stale') counts.stale++
    if (record !== undefined && answer.kind !== 'failed' && chance() < repeated) {
      counts.repeated++
      time.after(3 * travelMs(), () => {
        apply(message)
      })
    }
    return to.recovering ? failed('recovering') : answer
  }

  async function deliver(message: Message, reply: (answer: Answer) => void): Promise<void> {
    if (message.to.stillUntilMs > time.nowMs) {
      time.after(message.to.stillUntilMs - time.nowMs + travelMs(), () => {
        deliver(message, reply)
      })
    } else if (message.from === message.to) {
      reply(message.to.crashed ? failed('unreachable') : await serve(message))
    } else if (!connected(message) || chance() < network.weather.lost) {
      counts.lost++
    } else {
      const answer = await serve(message)
      if (chance() < network.weather.lost) counts.lost++
      else {
        time.after(travelMs(), () => {
          if (connected(message)) reply(answer)
        })
      }
    }
  }

  function send(message: Message): Promise<Answer> {
    counts.messages++
    return new Promise(resolve => {
      if (chance() < network.weather.overloaded) return resolve(failed('overloaded'))
      // A node that is cut off either refuses the connection, and then nothing was sent, or says nothing at
      // all.
      if (!connected(message) && chance() < 0.7) return time.after(1, () => resolve(failed('unreachable')))
      let answered = false
      const settle = (answer: Answer) => {
        answered = true
        resolve(answer)
      }
      time.after(network.weather.deadlineMs, () => {
        if (answered) return
        counts.timeouts++
        settle(failed('timeout'))
      })
      time.after(travelMs(), () => {
        deliver(message, settle)
      })
    })
  }

  function from(name: string): Replicas {
    const node = (to: string) => nodes.get(to) as SimulatedNode
    return {
      get: (to, _ring, slot, key) =>
        send({ from: node(name), to: node(to), slot, key, record: undefined }) as Promise<GetResult | Fenced>,
      merge: (to, _ring, slot, key, record) =>
        send({ from: node(name), to: node(to), slot, key, record }) as Promise<MergeResult | Fenced>
    }
  }

  return network
}
