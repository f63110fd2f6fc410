// The map of slots as HAProxy has it: ranges of slots, each with the name of the server that owns them.

import { SLOTS } from '../../limits.ts'
import { type Ring } from '../../core/ring/ring.ts'

/** A server of HAProxy's backend. */
export interface Server {
  readonly name: string
  /** The `host:port` under which a ring may name it: by address and, where it has one, by host name. */
  readonly addresses: readonly string[]
}

/**
 * Lines of a map, from `min:max` to a server's name. Slots of a node that is no server are left out: their
 * requests go round.
 */
export function slotTable(ring: Ring, servers: readonly Server[]): Map<string, string> {
  const table = new Map<string, string>()
  const add = (min: number, max: number, node: string | undefined): void => {
    const server = servers.find(({ addresses }) => node !== undefined && addresses.includes(node))
    if (server !== undefined && min <= max) table.set(`${min}:${max}`, server.name)
  }
  let min = 0
  for (const { position, node } of ring.tokens) {
    add(min, position, node)
    min = position + 1
  }
  // Behind the last token the first one's node owns what is left.
  add(min, SLOTS - 1, ring.tokens[0]?.node)
  return table
}

/** The servers that HAProxy's answer to `show servers state` lists. Throws if it has another form. */
export function parseServers(answer: string): Server[] {
  const lines = answer.split('\n').filter(line => line !== '')
  const columns =
    lines
      .find(line => line.startsWith('# '))
      ?.slice(2)
      .split(' ') ?? []
  const [name, host, fqdn, port] = ['srv_name', 'srv_addr', 'srv_fqdn', 'srv_port'].map(column =>
    columns.indexOf(column)
  ) as [number, number, number, number]
  if (Math.min(name, host, port) < 0) throw new Error('HAProxy lists its servers in an unknown form')
  return lines
    .filter(line => /^[0-9]+ /.test(line))
    .map(line => {
      const fields = line.split(' ')
      const spell = (host: string) => `${host.includes(':') ? `[${host}]` : host}:${fields[port]}`
      return {
        name: fields[name] as string,
        addresses: [fields[host], fields[fqdn]]
          .filter(host => host !== undefined && host !== '-')
          .map(host => spell(host as string))
      }
    })
}

/** The lines of a map that HAProxy's answer to `show map` lists. */
export function parseTable(answer: string): Map<string, string> {
  const lines = answer
    .split('\n')
    .map(line => line.split(' '))
    .filter(([id]) => id?.startsWith('0x'))
  return new Map(lines.map(([, range, server]) => [range as string, server as string]))
}

export function sameTable(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([range, server]) => b.get(range) === server)
}
