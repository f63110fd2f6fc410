// The nodes that have a ring with the number of this process's ring and other content. What is done between
// such nodes is refused frame by frame; here it is remembered, so that the node says that it is not ready. A
// node's own answer, with its ring in it, is the only proof: a frame does not tell who sent it, and a node
// that this ring does not name says nothing about this cluster.

import { type FastifyBaseLogger } from 'fastify'
import { areSplit, digestOf, splitError } from '../../src/core/ring/digest.ts'
import { compareRings, nodesOf, type Ring } from '../../src/core/ring/ring.ts'
import { parseRing } from '../../src/core/ring/ring-json.ts'
import { type FrameReply } from '../../src/core/messages/frame.ts'

export interface Splits {
  /** What a node has replied to a frame under `ring`. */
  heard(node: string, ring: Ring, reply: FrameReply): void
  /** Throws `KV_ERR_RING_SPLIT` while there is such a node. */
  check(): void
}

interface Met {
  readonly json: string
  readonly ring: Ring
}

export function createSplits(present: () => Ring | undefined, log: FastifyBaseLogger): Splits {
  let under: Ring | undefined
  let met = new Map<string, Met>()

  /** Another ring has another number, and what was met under the one before is over. */
  function refresh(): Ring | undefined {
    const mine = present()
    if (mine !== under) {
      under = mine
      met = new Map()
    }
    return mine
  }

  function meet(mine: Ring, node: string, json: string): void {
    if (met.get(node)?.json === json) return
    const ring = ringIn(json)
    if (ring === undefined || !areSplit(mine, ring) || !nodesOf(mine).includes(node)) return
    met.set(node, { json, ring })
    const { generation, epoch } = mine
    log.error(
      { peer: node, generation, epoch, digest: digestOf(mine), theirs: digestOf(ring) },
      'a node has a ring with the number of this one and other content; seed all nodes again, with ' +
        'a newer generation and with "replicas"'
    )
  }

  return {
    heard(node, ring, reply) {
      const mine = refresh()
      if (mine === undefined || compareRings(mine, ring) !== 0) return
      if (reply.verdict === 'split') meet(mine, node, reply.ringJson ?? '')
      else if (met.delete(node)) {
        log.info({ peer: node }, 'a node does not have another ring with the number of this one any more')
      }
    },
    check() {
      const mine = refresh()
      const [first] = met
      if (first !== undefined) throw splitError(mine as Ring, `the ring of ${first[0]}`, first[1].ring)
    }
  }
}

function ringIn(json: string): Ring | undefined {
  try {
    return parseRing(json)
  } catch {
    return undefined
  }
}
