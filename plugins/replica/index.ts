// This node's own replica: storage operations under the fence of the installed ring. Requests of this node
// and frames of other nodes come through here alike.

import fp from 'fastify-plugin'
import { type FastifyInstance } from 'fastify'
import { type RingId } from '../../src/core/ring/ring.ts'
import {
  FENCED,
  failed,
  type Failed,
  type Fenced,
  type GetResult,
  type MergeResult
} from '../../src/core/ports.ts'
import { type PairRecord } from '../../src/core/pairs/record.ts'
import { type View } from '../ring/installed.ts'

export interface LocalReplica {
  get(ring: RingId, slot: number, key: string): Promise<GetResult | Fenced>
  merge(ring: RingId, slot: number, key: string, record: PairRecord): Promise<MergeResult | Fenced>
}

declare module 'fastify' {
  interface FastifyInstance {
    replica: LocalReplica
  }
}

const RECOVERING = failed('recovering')
const NOT_REPLICA = failed('not-replica')

export default fp(
  async app => {
    app.decorate('replica', createReplica(app))
  },
  { name: 'replica', dependencies: ['storage', 'ring'] }
)

export function createReplica({ storage, ring }: Pick<FastifyInstance, 'storage' | 'ring'>): LocalReplica {
  /**
   * What a request mostly meets, a ring in force and a storage that remembers, costs one promise beside the
   * storage's own.
   */
  function fenced<T>(id: RingId, slot: number, operation: () => Promise<T>): Promise<T | Failed | Fenced> {
    const view = ring.enter(id)
    return view === undefined || view instanceof Promise || storage.incarnation === 0
      ? patiently(view, slot, operation)
      : carryOut(view, slot, operation)
  }

  async function patiently<T>(
    entering: View | undefined | Promise<View | undefined>,
    slot: number,
    operation: () => Promise<T>
  ): Promise<T | Failed | Fenced> {
    const view = await entering
    if (view === undefined) return FENCED
    // Another process of this node may have seen the storage recover before this one did.
    if (storage.incarnation === 0) await storage.recheck()
    return carryOut(view, slot, operation)
  }

  /** An answer counts only if the storage remembered everything from before the operation until after it. */
  function carryOut<T>(view: View, slot: number, operation: () => Promise<T>): Promise<T | Failed> {
    const { incarnation } = storage
    if (!view.placement.replicates(ring.node, slot)) {
      ring.leave(view)
      return Promise.resolve(NOT_REPLICA)
    }
    return operation().then(
      answer => {
        ring.leave(view)
        return incarnation === 0 || storage.incarnation !== incarnation ? RECOVERING : answer
      },
      error => {
        ring.leave(view)
        throw error
      }
    )
  }

  return {
    get: (id, slot, key) => fenced(id, slot, () => storage.get(slot, key)),
    merge: (id, slot, key, record) => fenced(id, slot, () => storage.merge(slot, key, record))
  }
}
