// Replicas that answer as a test tells them: a list of answers for each round of gets and of merges, the last
// one for every further round.

import { type CoordinatorPorts } from '../../../src/core/quorum/coordinator.ts'
import { createPlacement } from '../../../src/core/ring/placement.ts'
import { type Fenced, type Found, type GetResult, type MergeResult } from '../../../src/core/ports.ts'
import { type PairRecord } from '../../../src/core/pairs/record.ts'
import { createClock, type Version } from '../../../src/core/pairs/version.ts'

type Round<A> = ReadonlyArray<A | Promise<A>>

export interface Script {
  /** How many replicas; 3 if not told. */
  readonly nodes?: number
  readonly get: ReadonlyArray<Round<GetResult | Fenced>>
  readonly merge?: ReadonlyArray<Round<MergeResult | Fenced>>
}

/** Ports for a coordinator; the ring's epoch counts its plans. `sent`: the records of all merges. */
export function scripted({
  nodes = 3,
  get,
  merge = []
}: Script): CoordinatorPorts & { readonly sent: PairRecord[] } {
  const names = Array.from({ length: nodes }, (_, i) => `node-${i}:1`)
  const sent: PairRecord[] = []
  const asked = { get: new Map<string, number>(), merge: new Map<string, number>() }
  let epoch = 0

  async function answer<A>(rounds: ReadonlyArray<Round<A>>, kind: 'get' | 'merge', node: string): Promise<A> {
    const round = asked[kind].get(node) ?? 0
    asked[kind].set(node, round + 1)
    return (rounds[Math.min(round, rounds.length - 1)] as Round<A>)[names.indexOf(node)] as A
  }

  return {
    sent,
    clock: createClock(() => 100, 1),
    plans: {
      plan: slot =>
        createPlacement({
          generation: 1,
          epoch: ++epoch,
          replicas: nodes,
          tokens: names.map((node, position) => ({ position, node }))
        }).plan(slot)
    },
    replicas: {
      get: node => answer(get, 'get', node),
      merge(node, _ring, _slot, _key, record) {
        sent.push(record)
        return answer(merge, 'merge', node)
      }
    }
  }
}

export function valueOf(version: Version): PairRecord {
  return { version, deleted: false, expiresAtMs: 0, contentType: '', value: Buffer.from('value') }
}

/** A replica has a record of that time. */
export function found(timeMs: number): Found {
  return { kind: 'found', record: valueOf({ timeMs, counter: 0, writer: 2 }) }
}
