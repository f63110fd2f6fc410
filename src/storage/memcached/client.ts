// The data connections of one process to its Memcached: a few, replaced with backoff when they end. A caller
// picks one and keeps to it for as long as its commands depend on one another: the number that a `mg`
// answered means nothing on a connection made later, behind which may be another run of Memcached. Once a
// command had no answer in time, nothing waits for Memcached until it has answered again: each command would
// learn by its own deadline what is known.

import { failed, type Failed } from '../../core/ports.ts'
import { STORAGE_CONNECTIONS, STORAGE_IN_FLIGHT } from './limits.ts'
import { type Address } from './address.ts'
import { backoffMs } from './backoff.ts'
import { openConnection } from './connection.ts'
import { type Connection } from './connection-api.ts'
import { RING_NAME } from './names.ts'

export interface ClientEvents {
  /** A new connection can be used; `ring` is what its instance holds under the ring's name. */
  greeted(instance: string, ring: Buffer | undefined): void
  /** The last usable connection has ended, or the first attempt to make one failed. */
  lost(why: string): void
}

export interface Client {
  /**
   * The connection to use now, for a large item or for others. `unreachable`: there is none, and none on its
   * way that is worth waiting for.
   */
  pick(isLarge?: boolean): Connection | Failed
  /** Ends the connections; what is in flight on them fails. */
  close(): void
}

/** Connects at once, and again for as long as it is not closed. */
export function createClient(address: Address, events: ClientEvents): Client {
  const connections = new Array<Connection | undefined>(STORAGE_CONNECTIONS + 1).fill(undefined)
  const timers = new Array<NodeJS.Timeout | undefined>(STORAGE_CONNECTIONS + 1).fill(undefined)
  const failures = new Array<number>(STORAGE_CONNECTIONS + 1).fill(0)
  let told: 'nothing' | 'ready' | 'lost' = 'nothing'
  let closed = false
  /** True from a silence until Memcached answers something. */
  let silent = false
  /** Connections that stood at the silence of another one, and have not answered since. */
  const suspects = new Set<Connection>()

  function suspectAll(): void {
    silent = true
    for (const connection of connections) {
      if (connection?.state !== 'ready' || suspects.has(connection)) continue
      suspects.add(connection)
      connection.get(RING_NAME, reply => {
        suspects.delete(connection)
        if (reply.kind !== 'failed') silent = false
      })
    }
  }

  function open(index: number): void {
    connections[index] = openConnection(address, {
      ready(ring) {
        failures[index] = 0
        silent = false
        told = 'ready'
        events.greeted(connections[index]?.instance as string, ring)
      },
      closed(why, hasTimedOut) {
        connections[index] = undefined
        if (closed) return
        if (hasTimedOut) suspectAll()
        const count = (failures[index] = (failures[index] as number) + 1)
        timers[index] = setTimeout(open, backoffMs(count, Math.random()), index).unref()
        if (told === 'lost' || connections.some(connection => connection?.state === 'ready')) return
        told = 'lost'
        events.lost(why)
      }
    })
  }

  for (let index = 0; index <= STORAGE_CONNECTIONS; index++) open(index)
  return {
    pick(isLarge = false) {
      const usable = silent
        ? connections.map(connection =>
            connection?.state === 'ready' && !suspects.has(connection) ? connection : undefined
          )
        : connections
      const large = usable[STORAGE_CONNECTIONS]
      if (isLarge && large?.state === 'ready') return large
      return choose(usable)
    },
    close() {
      closed = true
      for (const timer of timers) clearTimeout(timer)
      for (const connection of connections) connection?.destroy()
    }
  }
}

/**
 * The ready connection that already gathers commands for its next write, so that one write carries them all;
 * else the one with the least in flight; where none is ready, one that is on its way. The one for large items
 * takes part only where there is no other.
 */
function choose(connections: readonly (Connection | undefined)[]): Connection | Failed {
  let best: Connection | undefined
  for (let index = 0; index < connections.length; index++) {
    const connection = connections[index]
    if (connection === undefined || connection.state === 'closed') continue
    if (index === STORAGE_CONNECTIONS && best?.state === 'ready') break
    if (connection.gathers && connection.inFlight < STORAGE_IN_FLIGHT) return connection
    if (best === undefined || isBetter(connection, best)) best = connection
  }
  return best ?? failed('unreachable')
}

function isBetter(a: Connection, b: Connection): boolean {
  if (a.state !== b.state) return a.state === 'ready'
  return a.inFlight < b.inFlight
}
