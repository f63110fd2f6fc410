// Pairs in bulk: what operators export, what other nodes pull, what this node fetches from them, and what it
// purges.

import fp from 'fastify-plugin'
import { type FastifyInstance } from 'fastify'
import { CATALOGUE } from '../../src/errors.ts'
import { SOURCE_TRUST_MS } from '../../src/limits.ts'
import { TIMERS } from '../../src/core/quorum/deadline.ts'
import { holdings, type Holding } from '../../src/core/ring/placement.ts'
import { fetchHoldings, receiveSlots } from '../../src/core/copying/fetching.ts'
import { hasAllOfOthers, hasAllThereIs, isComplete } from '../../src/core/copying/recovery.ts'
import { type SlotFilter } from '../../src/core/ports.ts'
import { isReceiver, sameShape, type Ring } from '../../src/core/ring/ring.ts'
import { type Keeper } from '../../src/keeper/keeper.ts'
import { type Fetching } from '../../src/keeper/workers.ts'
import { exportRoutes } from './export.ts'
import { createMeter } from './meter.ts'
import { createPull, type PullPorts, type SourceTrust } from './pull.ts'
import { ignoreWhatIsNew, takeWhatFits, type RoomPorts } from './room.ts'
import { sourceRoutes } from './source.ts'

export interface Copying {
  /**
   * Fetches everything that this node holds by `ring` from the other replicas, as far as enough of them
   * answer. Where it has `forgotten`, and the others have everything, it first drops what is left: older than
   * what was deleted since, it would come back.
   */
  fetch(ring: Ring, forgotten: boolean): Promise<Fetching>
  /**
   * Receives what this node is due in the change of `ring`, and has the members agree that it did; false: not
   * complete. Throws what `ringConsensus` throws.
   */
  receive(ring: Ring): Promise<boolean>
  /**
   * Removes what this node does not hold by the stable `ring`; false: another ring came before everything was
   * gone. Throws `KV_ERR_STORAGE`.
   */
  purge(ring: Ring): Promise<boolean>
}

declare module 'fastify' {
  interface FastifyInstance {
    copying: Copying
  }
}

export default fp<{ readonly keeper: Keeper }>(
  async (app, { keeper }) => {
    exportRoutes(app)
    sourceRoutes(app)
    app.decorate('copying', createCopying(app, keeper))
  },
  { name: 'migration', dependencies: ['clock', 'ring', 'storage', 'peers', 'coordinator', 'consensus'] }
)

/** What copying needs of the application. */
export type CopyingPorts = PullPorts & RoomPorts & Pick<FastifyInstance, 'ringConsensus'>

export function createCopying(app: CopyingPorts, keeper: Pick<Keeper, 'report'>, timers = TIMERS): Copying {
  const {
    storage,
    ringConsensus,
    ring: { node },
    clock,
    log
  } = app

  async function fetch(ring: Ring, forgotten: boolean): Promise<Fetching> {
    const held = holdings(ring, node)
    const known = forgotten ? await whereOthersHaveAll(held, ring) : held
    const unknown = held.filter(holding => !known.includes(holding))
    if (forgotten && known.length > 0) await storage.purge(outside(unknown))
    let waitsFor: string | undefined
    let withoutRoom = 0
    const meter = {
      waitFor(why: string) {
        waitsFor = why
      }
    }
    const noRoom = forgotten
      ? takeWhatFits(app, pairs => {
          withoutRoom += pairs
        })
      : ignoreWhatIsNew(app)
    const trust = createTrust(ring)
    const isFetched =
      (await fetchHoldings(ring, known, createPull(app, { meter, noRoom, trust }), {
        forgotten,
        isComplete: forgotten ? hasAllOfOthers : isComplete
      })) &&
      (await fetchHoldings(ring, unknown, createPull(app, { meter, noRoom }), {
        forgotten,
        isComplete: hasAllThereIs
      }))
    if (withoutRoom > 0) waitsFor = tellFull(withoutRoom)
    const complete = isFetched && withoutRoom === 0 && trust.lasts()
    return complete || waitsFor === undefined ? { complete } : { complete, waitsFor }
  }

  function tellFull(withoutRoom: number): string {
    log.error(
      { withoutRoom },
      'the storage of this node has no room for all that it holds by the ring; give it more memory'
    )
    return `more memory: its storage has no room for ${withoutRoom} of the pairs that it holds by the ring`
  }

  /**
   * The trust in all sources of a copy together. One that this node is to take slots over from is trusted for
   * longer.
   */
  function createTrust(ring: Ring): SourceTrust & { readonly lasts: () => boolean } {
    let untilMs = Infinity
    return {
      leastMs: isReceiver(ring, node) ? SOURCE_TRUST_MS : 0,
      until(ms) {
        untilMs = Math.min(untilMs, ms)
      },
      lasts: () => clock.wallMs() < untilMs
    }
  }

  /**
   * The holdings for which enough other replicas remember: together they have every acknowledged write. Of
   * the other holdings, what is left here may be all that there is.
   */
  async function whereOthersHaveAll(held: readonly Holding[], ring: Ring): Promise<Holding[]> {
    const sources = [...new Set(held.flatMap(({ others }) => others))]
    if (held.length > 0 && sources.length === 0) {
      log.error('no other replica holds the pairs of this node; what was stored here is lost')
    }
    const pull = createPull(app)
    const fetched = new Map(
      await Promise.all(sources.map(async source => [source, await pull(source, ring, [])] as const))
    )
    return held.filter(holding => hasAllOfOthers(holding, fetched))
  }

  async function receiveDue(ring: Ring): Promise<boolean> {
    const meter = createMeter(ring, progress => keeper.report(progress), timers)
    try {
      if (storage.incarnation === 0) meter.waitFor(CATALOGUE.KV_ERR_RECOVERING.text)
      const trust = createTrust(ring)
      const done = await receiveSlots(
        {
          node,
          pull: createPull(app, { meter, trust }),
          proposer: ringConsensus,
          incarnation: () => (trust.lasts() ? storage.incarnation : 0)
        },
        ring
      )
      meter.end(done)
      if (done) {
        log.info({ since: ring.since, ...meter.counted() }, 'received everything that this node was due')
      }
      return done
    } catch (error) {
      meter.waitFor((error as Error).message)
      meter.end(false)
      throw error
    } finally {
      meter.stop()
    }
  }

  async function purge(ring: Ring): Promise<boolean> {
    const { view } = app.ring
    if (view === undefined || ring.next !== undefined || !sameShape(view.ring, ring)) return false
    const purged = await storage.purge(
      slot => !view.placement.replicates(node, slot),
      batch => app.ring.within(view.ring, batch)
    )
    if (purged > 0) {
      log.info({ epoch: ring.epoch, purged }, 'purged the pairs of slots that are not held here any more')
    }
    return app.ring.view === view
  }

  return { fetch, receive: receiveDue, purge }
}

/** The slots that belong to none of the holdings. */
function outside(holdings: readonly Holding[]): SlotFilter {
  return slot => !holdings.some(({ min, max }) => slot >= min && slot <= max)
}
