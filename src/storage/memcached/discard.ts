// Removing one pair from Memcached, provided that it is still the one that was seen.

import { type Failed } from '../../core/ports.ts'
import { compareVersions, type Version } from '../../core/pairs/version.ts'
import { type DiscardReply, type GetReply } from './connection-api.ts'
import { pairName } from './names.ts'
import { readItem, type PairPorts } from './pairs.ts'

/** As `Storage.discard`. */
export async function discardPair(
  ports: PairPorts,
  slot: number,
  key: string,
  version: Version
): Promise<Failed | undefined> {
  const name = pairName(slot, key)
  // Both on one connection, as for a merge.
  const connection = ports.client.pick()
  if ('kind' in connection) return connection
  const found = await new Promise<GetReply>(resolve => connection.gets(name, resolve))
  if (found.kind !== 'value') return found.kind === 'failed' ? found : undefined
  const stored = readItem(ports, name, key, found.bytes)
  if ('kind' in stored) return stored
  if (compareVersions(stored.version, version) !== 0) return undefined
  const reply = await new Promise<DiscardReply>(resolve => connection.discard(name, found.cas, resolve))
  return reply.kind === 'failed' ? reply : undefined
}
