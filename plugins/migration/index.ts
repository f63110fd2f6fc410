// Pairs in bulk: what operators export, what other nodes pull, what this node fetches from them, and what it purges.

import fp from 'fastify-plugin'
import { type FastifyInstance } from 'fastify'
import { CATALOGUE } from '../../src/errors.ts'
import { TIMERS } from '../../src/core/deadline.ts'
import { holdings, type Holding } from '../../src/core/placement.ts'
import { fetchHoldings, receive, type Pull } from '../../src/core/fetching.ts'
import { areEnough, isComplete } from '../../src/core/recovery.ts'
import { sameShape, type Ring } from '../../src/core/ring.ts'
import { type Keeper } from '../ring/keeper.ts'
import { type Fetching } from '../ring/team.ts'
import { exportRoutes } from './export.ts'
import { createMeter } from './meter.ts'
import { createPull, type PullPorts } from './pull.ts'
import { ignoreWhatIsNew, takeWhatFits, type RoomPorts } from './room.ts'
import { sourceRoutes } from './source.ts'

export interface Copying {
  /**
   * Fetches everything that this node holds by `ring` from the other replicas, as far as enough of them answer. Where it has
   * `forgotten`, and the others have everything, it first drops what is left: older than what was deleted since, it would come back.
   */
  fetch (ring: Ring, forgotten: boolean): Promise<Fetching>
  /** Receives what this node is due in the change of `ring`, and says so in the register; false: not complete. Throws what the register throws. */
  receive (ring: Ring): Promise<boolean>
  /** Removes what this node does not hold by the stable `ring`; false: another ring came before everything was gone. Throws `KV_ERR_STORAGE`. */
  purge (ring: Ring): Promise<boolean>
}

declare module 'fastify' {
  interface FastifyInstance { copying: Copying }
}

export default fp<{ readonly keeper: Keeper }>(async (app, { keeper }) => {
  exportRoutes(app)
  sourceRoutes(app)
  app.decorate('copying', createCopying(app, keeper))
}, { name: 'migration', dependencies: ['peers', 'register', 'route', 'storage', 'ring'] })

/** What copying needs of the application. */
export type CopyingPorts = PullPorts & RoomPorts & Pick<FastifyInstance, 'ringRegister'>

export function createCopying (app: CopyingPorts, keeper: Pick<Keeper, 'report'>, timers = TIMERS): Copying {
  const { storage, ringRegister, ring: { node }, log } = app

  async function fetch (ring: Ring, forgotten: boolean): Promise<Fetching> {
    const held = holdings(ring, node)
    const hasSources = held.some(holding => holding.others.length > 0)
    if (forgotten && held.length > 0 && !hasSources) log.error('no other replica holds the pairs of this node; what was stored here is lost')
    const othersHaveAll = forgotten && hasSources && await haveAll(held, ring)
    if (othersHaveAll) await storage.purge(() => true)
    let waitsFor: string | undefined
    let withoutRoom = 0
    const noRoom = forgotten ? takeWhatFits(app, pairs => { withoutRoom += pairs }) : ignoreWhatIsNew(app)
    const pull = createPull(app, { waitFor (why) { waitsFor = why } }, noRoom)
    const isFetched = await fetchHoldings(ring, held, !forgotten || othersHaveAll ? fromMindful(pull) : pull, { forgotten, isComplete: (holding, fetched) => isComplete(holding, fetched, forgotten) })
    if (withoutRoom > 0) waitsFor = tellFull(withoutRoom)
    const complete = isFetched && withoutRoom === 0
    return complete || waitsFor === undefined ? { complete } : { complete, waitsFor }
  }

  function tellFull (withoutRoom: number): string {
    log.error({ withoutRoom }, 'the storage of this node has no room for all that it holds by the ring; give it more memory')
    return `more memory: its storage has no room for ${withoutRoom} of the pairs that it holds by the ring`
  }

  /** True if so many of the other replicas remember that they have every acknowledged write; else what is left here may be all that there is of some. */
  async function haveAll (held: readonly Holding[], ring: Ring): Promise<boolean> {
    const pull = createPull(app)
    const sources = [...new Set(held.flatMap(({ others }) => others))]
    const fetched = new Map(await Promise.all(sources.map(async source => [source, await pull(source, ring, [])] as const)))
    return held.every(holding => areEnough(holding, fetched, true))
  }

  async function receiveDue (ring: Ring): Promise<boolean> {
    const meter = createMeter(ring, progress => keeper.report(progress), timers)
    try {
      if (storage.memory === 0) meter.waitFor(CATALOGUE.KV_ERR_RECOVERING.text)
      const done = await receive({ node, pull: fromMindful(createPull(app, meter)), register: ringRegister, memory: () => storage.memory }, ring)
      meter.end(done)
      if (done) log.info({ since: ring.since, ...meter.counted() }, 'received everything that this node was due')
      return done
    } catch (error) {
      meter.waitFor((error as Error).message)
      meter.end(false)
      throw error
    } finally {
      meter.stop()
    }
  }

  async function purge (ring: Ring): Promise<boolean> {
    const { view } = app.ring
    if (view === undefined || ring.next !== undefined || !sameShape(view.ring, ring)) return false
    const purged = await storage.purge(slot => !view.placement.replicates(node, slot), batch => app.ring.within(view.ring, batch))
    if (purged > 0) log.info({ epoch: ring.epoch, purged }, 'purged the pairs of slots that are not held here any more')
    return app.ring.view === view
  }

  return { fetch, receive: receiveDue, purge }
}

/**
 * Takes pairs only from sources that remember. One that was out of touch for so long that it does not trust what it holds may still hold values whose
 * tombstones are gone here and everywhere else by now.
 */
function fromMindful (pull: Pull): Pull {
  return async (source, ring, ranges) => (await pull(source, ring, []))?.remembers === true ? pull(source, ring, ranges) : undefined
}
