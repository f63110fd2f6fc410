// This node's own replica: storage operations under the fence of the installed ring. Requests of this node and frames of
// other nodes come through here alike.

import fp from 'fastify-plugin'
import { type RingId } from '../../src/core/ring.ts'
import { FENCED, failed, type Failed, type Fenced, type GetResult, type MergeResult } from '../../src/core/ports.ts'
import { type Record } from '../../src/core/record.ts'

export interface LocalReplica {
  get (ring: RingId, slot: number, key: string): Promise<GetResult | Fenced>
  merge (ring: RingId, slot: number, key: string, record: Record): Promise<MergeResult | Fenced>
}

declare module 'fastify' {
  interface FastifyInstance { replica: LocalReplica }
}

const RECOVERING = failed('recovering')
const NOT_REPLICA = failed('not-replica')

export default fp(async app => {
  const { storage, ring } = app

  /** An answer counts only if the storage remembered everything from before the operation until after it. */
  async function fenced<T> (id: RingId, slot: number, operation: () => Promise<T>): Promise<T | Failed | Fenced> {
    const answer = await ring.within<T | Failed>(id, async view => {
      if (!view.placement.replicates(ring.node, slot)) return NOT_REPLICA
      // Another process of this node may have seen the storage recover before this one did.
      if (storage.memory === 0) await storage.recheck()
      const memory = storage.memory
      const result = await operation()
      return memory === 0 || storage.memory !== memory ? RECOVERING : result
    })
    return answer ?? FENCED
  }

  app.decorate('replica', {
    get: (id, slot, key) => fenced(id, slot, () => storage.get(slot, key)),
    merge: (id, slot, key, record) => fenced(id, slot, () => storage.merge(slot, key, record))
  })
}, { name: 'replica', dependencies: ['storage', 'ring'] })
