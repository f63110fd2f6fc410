// Keeps HAProxy's map of slots true to the ring: asks the nodes that HAProxy has which ring there is, and
// puts the map right where it is not. A look that fails changes nothing; the next one comes soon.

import { request, type Dispatcher } from 'undici'
import { compareRings, type Ring } from '../../core/ring/ring.ts'
import { parseRing } from '../../core/ring/ring-json.ts'
import { ANSWER_MS } from './limits.ts'
import { createRuntime } from './runtime.ts'
import { parseServers, parseTable, sameTable, slotTable, type Server } from './table.ts'

export interface FollowOptions {
  /** The path of HAProxy's runtime socket. */
  readonly socket: string
  /** The path of the map, as HAProxy's configuration has it. */
  readonly map: string
  readonly backend: string
  /** How the nodes are asked. */
  readonly nodes: NodeAccess
}

export interface NodeAccess {
  readonly token: string | undefined
  readonly scheme: 'http' | 'https'
  /** Its connections know the nodes' authority. */
  readonly dispatcher: Dispatcher
}

/**
 * Makes one look; the ring that the map has now, and whether it had to be changed. Throws where HAProxy or
 * all nodes are silent.
 */
export async function look({
  socket,
  map,
  backend,
  nodes
}: FollowOptions): Promise<{ readonly ring: Ring; readonly changed: boolean }> {
  const haproxy = createRuntime(socket)
  const servers = parseServers(await haproxy.ask(`show servers state ${backend}`))
  const ring = await newestRing(servers, nodes)
  const table = slotTable(ring, servers)
  const changed = !sameTable(table, parseTable(await haproxy.ask(`show map ${map}`)))
  if (changed) await haproxy.replaceMap(map, table)
  return { ring, changed }
}

/** Throws what the first node said where none has told its ring. */
async function newestRing(servers: readonly Server[], nodes: NodeAccess): Promise<Ring> {
  const answers = await Promise.allSettled(
    servers.map(({ addresses }) => ringOf(addresses[0] as string, nodes))
  )
  const rings = answers
    .flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
    .sort(compareRings)
  const newest = rings.at(-1)
  if (newest !== undefined) return newest
  const refusal = answers.find(answer => answer.status === 'rejected')
  throw refusal?.reason ?? new Error('HAProxy has no servers')
}

async function ringOf(address: string, { token, scheme, dispatcher }: NodeAccess): Promise<Ring> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const { statusCode, body } = await request(`${scheme}://${address}/hash_ring`, {
    dispatcher,
    headers,
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
    signal: AbortSignal.timeout(ANSWER_MS)
  })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`${address} answered ${statusCode}: ${text.slice(0, 200)}`)
  return parseRing(text)
}
