// The ring record in Memcached, read and written through memjs: rare and small, which is what memjs is sound
// for. Each call has a client of its own, since a client that has met an error, or whose connection was cut
// inside an answer, may answer later calls with bytes that belong to others; and a deadline of its own, since
// memjs may never answer.

import { type Socket } from 'node:net'
import memjs from 'memjs'
import { withDeadline } from '../../core/quorum/deadline.ts'
import { type RingRecord } from '../../core/ports.ts'
import { KvError } from '../../errors.ts'
import { STORAGE_DEADLINE_MS } from './limits.ts'
import { parseAddress, type Address } from './address.ts'
import { RING_NAME } from './names.ts'

/** `address` is `host:port` or the path of a unix socket. Throws `KV_ERR_CONFIG` if it is neither. */
export function createMemcachedRingRecord({ address }: { readonly address: string }): RingRecord {
  const where = parseAddress(address)
  const open = new Set<() => void>()

  async function call<T>(work: (client: memjs.Client) => Promise<T>): Promise<T> {
    const { client, destroy } = createClient(where)
    open.add(destroy)
    try {
      return await withDeadline(work(client), STORAGE_DEADLINE_MS, () => new Error('no answer in time'))
    } catch (error) {
      throw new KvError('KV_ERR_STORAGE', `the ring record: ${(error as Error).message}`)
    } finally {
      open.delete(destroy)
      destroy()
    }
  }

  return {
    read: () => call(async client => (await client.get(RING_NAME)).value?.toString()),
    add: text => call(client => client.add(RING_NAME, text)),
    replace: text => call(client => client.replace(RING_NAME, text)),
    close() {
      for (const destroy of open) destroy()
    }
  }
}

/**
 * A client for one call. memjs's own deadline is later than the caller's, which so is the one that counts.
 */
function createClient(address: Address): { readonly client: memjs.Client; readonly destroy: () => void } {
  const [host, port] = 'path' in address ? ['', address.path] : [address.host, address.port]
  // memjs hands the port to `net.connect`, which takes a path in its place.
  const server = new memjs.Server(host, port as number, undefined, undefined, {
    timeout: STORAGE_DEADLINE_MS / 500
  })
  const client = new memjs.Client([server], { retries: 0, logger: { log() {} } })
  // `close` of memjs would wait for the other side to close too, which a paused Memcached does not.
  return { client, destroy: () => (server as { _socket?: Socket })._socket?.destroy() }
}
