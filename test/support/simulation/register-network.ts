// The voters and proposers of a ring register in one process, under a virtual clock: messages are delayed,
// overtake one another, are lost or arrive twice; nodes crash with their votes kept, or lose them and say so.
// Requests and answers travel as text.

import { createProposer, type Proposer } from '../../../src/core/consensus/proposer.ts'
import { compareRings, type Ring } from '../../../src/core/ring/ring.ts'
import { ringToJson } from '../../../src/core/ring/ring-json.ts'
import {
  answerToText,
  parseAnswer,
  parseRequest,
  requestToText,
  vote,
  type VoteAnswer,
  type VoteRequest,
  type Votes
} from '../../../src/core/consensus/voter.ts'
import { type VirtualTime } from './virtual-time.ts'

export interface VoterNode {
  readonly name: string
  ring: Ring
  votes: Votes
  up: boolean
  /** Counts the crashes; what an earlier process began comes to nothing. */
  process: number
}

export interface RegisterWeather {
  lost: number
  repeated: number
  delayMs: number
}

export interface RegisterNetwork {
  readonly nodes: ReadonlyMap<string, VoterNode>
  readonly weather: RegisterWeather
  /**
   * Every ring that a proposer took for decided, as JSON, by epoch. More than one for an epoch is what must
   * never be.
   */
  readonly decided: ReadonlyMap<number, ReadonlySet<string>>
  /** The register as the present process of the node has it. */
  register(node: string): Proposer
  crash(node: string): void
  /**
   * The node comes back: with its votes, or without votes and ring, which it then learns from whom it meets,
   * and knowing that.
   */
  restart(node: string, forgets: boolean): void
}

export interface RegisterFaults {
  /** The votes as they are after a restart. */
  readonly persisted?: (votes: Votes) => Votes
  /** The votes as a voter has them that has lost them. */
  readonly forgotten?: (votes: Votes) => Votes
}

export const DEADLINE_MS = 60

export function createRegisterNetwork(
  first: Ring,
  names: readonly string[],
  time: VirtualTime,
  chance: () => number,
  faults: RegisterFaults = {}
): RegisterNetwork {
  const draw = () => Math.floor(chance() * 2 ** 48)
  const nodes = new Map(
    names.map((name): [string, VoterNode] => [
      name,
      { name, ring: first, votes: { life: draw(), forgetful: false }, up: true, process: 0 }
    ])
  )
  const nodeOf = (name: string) => nodes.get(name) as VoterNode
  const weather: RegisterWeather = { lost: 0.1, repeated: 0.1, delayMs: 20 }
  const decided = new Map<number, Set<string>>()

  const learn = (node: VoterNode, ring: Ring) => {
    if (compareRings(ring, node.ring) > 0) node.ring = ring
  }

  /** Most messages are quick, some are so late that they meet another world. */
  function send(deliver: () => void, lost = weather.lost): void {
    const copies = chance() < lost ? 0 : chance() < weather.repeated ? 2 : 1
    for (let i = 0; i < copies; i++) {
      time.after(chance() * (chance() < 0.15 ? 10 : 1) * weather.delayMs, deliver)
    }
  }

  function answer(node: VoterNode, text: string): string {
    const request = parseRequest(text)
    learn(node, request.present)
    if (compareRings(node.ring, request.present) > 0) return answerToText({ kind: 'ahead', ring: node.ring })
    const { votes, answer } = vote(node.votes, request)
    node.votes = votes
    return answerToText(answer)
  }

  function ask(from: VoterNode, process: number, to: VoterNode, request: VoteRequest): Promise<VoteAnswer> {
    const text = requestToText(request)
    return new Promise(resolve => {
      time.after(DEADLINE_MS, () => resolve({ kind: 'silent' }))
      if (from.process !== process) return
      send(() => {
        if (!to.up) return
        const reply = answer(to, text)
        send(() => {
          if (from.process === process) resolve(parseAnswer(reply))
        })
      })
    })
  }

  function register(name: string): Proposer {
    const node = nodeOf(name)
    const { process } = node
    const isAlive = () => node.up && node.process === process
    return createProposer({
      present: () => (isAlive() ? node.ring : undefined),
      ask: (to, request) => ask(node, process, nodeOf(to), request),
      async install(ring) {
        if (!isAlive()) return
        decided.set(ring.epoch, (decided.get(ring.epoch) ?? new Set()).add(JSON.stringify(ringToJson(ring))))
        learn(node, ring)
      },
      async announce(ring) {
        for (const other of nodes.values()) {
          if (isAlive()) {
            send(() => {
              if (other.up) learn(other, ring)
            }, Math.sqrt(weather.lost))
          }
        }
      },
      pause: time.sleep,
      random: chance
    })
  }

  return {
    nodes,
    weather,
    decided,
    register,
    crash(name) {
      const node = nodeOf(name)
      node.up = false
      node.process++
    },
    restart(name, forgets) {
      const node = nodeOf(name)
      node.up = true
      if (forgets) {
        const lost: Votes = { life: draw(), forgetful: true }
        node.votes = faults.forgotten?.(lost) ?? lost
        node.ring = first
      } else {
        node.votes = faults.persisted?.(node.votes) ?? node.votes
      }
    }
  }
}
