// Where a Memcached listens: `host:port`, or the path of a unix socket, which is known by its slash.

import { connect, type OnReadOpts, type Socket } from 'node:net'
import { KvError } from '../../errors.ts'

export type Address = { readonly path: string } | { readonly host: string; readonly port: number }

/** Throws `KV_ERR_CONFIG` unless the text is `host:port` (an IPv6 host in brackets) or has a `/`. */
export function parseAddress(text: string): Address {
  if (text.includes('/')) return { path: text }
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text)
  const port = Number(parts?.[3])
  const host = parts?.[1] ?? parts?.[2]
  if (host === undefined || port < 1 || port > 65_535) {
    throw new KvError(
      'KV_ERR_CONFIG',
      `MEMCACHED is host:port or the path of a socket, not ${JSON.stringify(text)}`
    )
  }
  return { host, port }
}

/**
 * A socket on its way to the address; with `onread`, it reads into that buffer and has no `data` events.
 * Commands are small and wait for answers, so nothing is held back to fill a packet.
 */
export function connectTo(address: Address, onread?: OnReadOpts): Socket {
  return connect({ ...address, noDelay: true, ...(onread && { onread }) })
}
