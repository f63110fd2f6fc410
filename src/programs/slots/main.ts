// The entry point of `ringkeep-slots`, which runs beside HAProxy in its token-aware mode and keeps its map of
// slots true. The environment is that of HAProxy: RINGKEEP_SOCKET, RINGKEEP_SLOTS, where the nodes speak TLS
// RINGKEEP_CA; and the nodes' CLUSTER_TOKEN.

import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { Agent } from 'undici'
import { look, type FollowOptions, type NodeAccess } from './follow.ts'
import { LOOK_MS } from './limits.ts'

const log = pino({ level: process.env.LOG_LEVEL ?? 'info', base: { pid: process.pid } })

function readOptions({
  RINGKEEP_SOCKET: socket,
  RINGKEEP_SLOTS: map,
  RINGKEEP_CA: authority,
  CLUSTER_TOKEN: token
}: NodeJS.ProcessEnv): FollowOptions {
  for (const [name, value] of Object.entries({ RINGKEEP_SOCKET: socket, RINGKEEP_SLOTS: map })) {
    if (value === undefined || !/^[\x21-\x7e]+$/.test(value)) {
      throw new Error(`${name} is a path without spaces, as in HAProxy's environment`)
    }
  }
  return {
    socket: socket as string,
    map: map as string,
    backend: 'nodes',
    nodes: { token: token === '' ? undefined : token, ...accessOf(authority) }
  }
}

function accessOf(authority: string | undefined): Omit<NodeAccess, 'token'> {
  if (authority === undefined || authority === '') return { scheme: 'http', dispatcher: new Agent() }
  try {
    return { scheme: 'https', dispatcher: new Agent({ connect: { ca: readFileSync(authority) } }) }
  } catch (error) {
    throw new Error(`RINGKEEP_CA cannot be read: ${(error as Error).message}`)
  }
}

/** Looks again and again; tells when the map has changed, and when looks begin or cease to fail. */
async function follow(options: FollowOptions): Promise<never> {
  let failing = false
  for (;;) {
    try {
      const { ring, changed } = await look(options)
      if (changed || failing) {
        log.info(
          { generation: ring.generation, epoch: ring.epoch, changed },
          'the map of slots is true to the ring'
        )
      }
      failing = false
    } catch (error) {
      if (!failing) log.warn({ err: error }, 'the map of slots cannot be kept true; requests may cost a hop')
      failing = true
    }
    await pause(LOOK_MS)
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0))
try {
  await follow(readOptions(process.env))
} catch (error) {
  process.stderr.write(`ringkeep-slots: ${(error as Error).message}\n`)
  process.exit(1)
}
