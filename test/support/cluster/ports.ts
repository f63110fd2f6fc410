// Ports for processes that cannot be told to take any: below the range that the system gives out by itself,
// each test process with a stretch of its own, and each tried before it is given out.

import { once } from 'node:events'
import { createServer } from 'node:net'

const FIRST = 10_000
const COUNT = 22_000
const STRETCH = 64
/** `fetch` refuses it (Fetch standard, "port blocking"); the only one of these that lies here. */
const SHUNNED = 10_080

let next = (process.pid * STRETCH) % COUNT

/** A port of the loopback on which nothing listens; never the same one twice in one process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + next
    next = (next + 1) % COUNT
    if (port !== SHUNNED && (await isFree(port))) return port
  }
  throw new Error('no port is free')
}

/** True if nothing listens on the port. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  const closed = once(server, 'close')
  server.close()
  await closed
  return true
}
