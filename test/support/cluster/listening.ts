// Which processes listen on a port, from /proc: the sockets that listen there, and who has one of them open.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** The state of a socket that listens, in /proc/net/tcp. */
const LISTEN = '0A'

/** True if the process has a socket open that listens on the port of the address `host:port`. */
export function listens(pid: number, address: string): boolean {
  const end = `:${Number(address.split(':').pop()).toString(16).toUpperCase().padStart(4, '0')}`
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map(row => row.trim().split(/\s+/))
  const sockets = rows
    .filter(([, local, , state]) => local?.endsWith(end) && state === LISTEN)
    .map(row => `socket:[${row[9]}]`)
  return descriptors(pid).some(target => sockets.includes(target))
}

/** What the open files of a process are; none when it is gone. */
function descriptors(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map(fd => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return ''
      }
    })
  } catch {
    return []
  }
}
