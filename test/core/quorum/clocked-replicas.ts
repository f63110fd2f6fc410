// A few nodes, each with a storage, a coordinator and a wall clock of its own, and nothing between them. One
// after the other may be out of reach, and storages may be full; time passes when the test says so.

import { createMemoryStorage } from '../../../src/storage/memory.ts'
import { createCoordinator, type Coordinator } from '../../../src/core/quorum/coordinator.ts'
import { createPlacement } from '../../../src/core/ring/placement.ts'
import { failed, type Replicas } from '../../../src/core/ports.ts'
import { compareRecords, tombstone } from '../../../src/core/pairs/record.ts'
import { createClock, type Clock } from '../../../src/core/pairs/version.ts'

export interface ClockedNode {
  readonly clock: Clock
  readonly coordinator: Coordinator
  /** By how much its wall clock is ahead of the right time. */
  skewMs: number
  reachable: boolean
  full: boolean
  /** The value that a client of this node finds; undefined: none. */
  read(): Promise<string | undefined>
  write(value: string, ttlMs?: number): Promise<void>
  remove(): Promise<void>
}

export interface ClockedNodes extends ReadonlyArray<ClockedNode> {
  /** The right time. */
  nowMs: number
}

const SLOT = 0
const KEY = 'k'

/** All nodes hold a replica of the one key that there is. `skewsMs`: one for each node. */
export function clockedNodes(skewsMs: readonly number[]): ClockedNodes {
  const time = { nowMs: Date.UTC(2026, 0, 1) }
  const names = skewsMs.map((_, i) => `node-${i}:1`)
  const placement = createPlacement({
    generation: 1,
    epoch: 1,
    replicas: names.length,
    tokens: names.map((node, position) => ({ position, node }))
  })
  const wallOf = (index: number) => time.nowMs + (nodes[index] as ClockedNode).skewMs
  const storages = names.map((_, i) => createMemoryStorage({ wallMs: () => wallOf(i) }).storage)

  const reach = (name: string) => {
    const index = names.indexOf(name)
    return (nodes[index] as ClockedNode).reachable ? index : undefined
  }
  const replicas: Replicas = {
    async get(name) {
      const index = reach(name)
      return index === undefined ? failed('unreachable') : storages[index]!.get(SLOT, KEY)
    },
    async merge(name, _ring, slot, key, record) {
      const index = reach(name)
      if (index === undefined) return failed('unreachable')
      const found = await storages[index]!.get(slot, key)
      const isThere = found.kind === 'found' && compareRecords(found.record, record) >= 0
      return nodes[index]!.full && !isThere ? failed('full') : storages[index]!.merge(slot, key, record)
    }
  }

  function createNode(skewMs: number, index: number): ClockedNode {
    const clock = createClock(() => wallOf(index), index + 1)
    const coordinator = createCoordinator({ plans: placement, replicas, clock })
    return {
      clock,
      coordinator,
      skewMs,
      reachable: true,
      full: false,
      async read() {
        const { record } = await coordinator.read(SLOT, KEY)
        return record === undefined || record.deleted ? undefined : record.value.toString()
      },
      async write(value, ttlMs) {
        const expiresAtMs = ttlMs === undefined ? 0 : clock.wallMs() + ttlMs
        await coordinator.write(SLOT, KEY, version => ({
          version,
          deleted: false,
          expiresAtMs,
          contentType: '',
          value: Buffer.from(value)
        }))
      },
      async remove() {
        await coordinator.write(SLOT, KEY, version => tombstone(version, clock.wallMs()))
      }
    }
  }

  const nodes: readonly ClockedNode[] = skewsMs.map(createNode)
  return Object.defineProperty(nodes, 'nowMs', {
    get: () => time.nowMs,
    set: (nowMs: number) => {
      time.nowMs = nowMs
    }
  }) as ClockedNodes
}
