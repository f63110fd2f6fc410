// What a simulated node does about its memory: it keeps the sentinel, notices when it is gone and with it all pairs, and counts again
// only when it has fetched them under a renewed ring. It is the part of `plugins/ring/guard.ts`.

import { KvError } from '../../src/errors.ts'
import { holdings } from '../../src/core/placement.ts'
import { type Register } from '../../src/core/register.ts'
import { renewed } from '../../src/core/change.ts'
import { compareRings, namesNode, sameShape, type Ring } from '../../src/core/ring.ts'
import { type Copying } from './ring-simulation-copying.ts'
import { type Life } from './ring-simulation-wire.ts'
import { count, type Machine, type World } from './ring-simulation-world.ts'

export interface MemoryGuard {
  /** A ring is about to come into force. */
  adopt (ring: Ring, before: Ring | undefined): void
  /** Looks for the sentinel. */
  look (): void
}

interface Ports {
  readonly life: Life
  readonly register: Register
  readonly copying: Copying
  present (): Ring | undefined
}

export function createMemoryGuard (world: World, machine: Machine, { life, register, copying, present }: Ports): MemoryGuard {
  const { name, shelf } = machine
  let ring: Ring | undefined
  // True while nothing that this node holds was ever acknowledged, so that a missing sentinel is no loss.
  let nothingToForget = false
  let barrier: Ring | undefined
  let recovering = false

  function look (): void {
    if (ring === undefined || recovering) return
    if (shelf.mark === 'none' && nothingToForget) shelf.mark = 'ring'
    if (shelf.mark !== 'ring') recover()
    else nothingToForget = !namesNode(ring, name)
  }

  async function recover (): Promise<void> {
    recovering = true
    for (let pauseMs = 10; shelf.mark !== 'ring'; pauseMs = Math.min(2 * pauseMs, 300)) {
      if (shelf.mark === 'none') {
        shelf.mark = 'recovering'
        barrier = undefined
      }
      try {
        const from = await fenceOff(ring as Ring)
        // The sentinel replaces the mark: where the storage was emptied once more there is none, and all begins again.
        if (await copying.fetchForgotten(from) && sameShape(from, ring as Ring) && (shelf.mark as string) === 'recovering') {
          shelf.mark = 'ring'
          count(world, 'recovered')
        }
      } catch (error) {
        if (!(error instanceof KvError)) throw error
      }
      await life.sleep(world.chance() * pauseMs)
    }
    recovering = false
  }

  /** Whoever is fetched from has ended what came before, so nothing late makes up a quorum with what was forgotten here. */
  async function fenceOff (current: Ring): Promise<Ring> {
    if (!holdings(current, name).some(({ others }) => others.length > 0)) return current
    if (barrier === undefined) {
      await register.change(newest => compareRings(newest, current) > 0 ? newest : renewed(newest))
      barrier = present()
    }
    return ring as Ring
  }

  return {
    adopt (newer, before) {
      nothingToForget = !namesNode(newer, name) || (before !== undefined && (nothingToForget || !namesNode(before, name)))
      ring = newer
      look()
    },
    look
  }
}
