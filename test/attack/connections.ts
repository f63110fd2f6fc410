// Many raw connections at once, of a client who does not read.

import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Target } from './verdict.ts'

/**
 * Opens so many with a pause after each, and writes to each what it is to ask. Nothing is read. The function
 * that it returns closes them.
 */
export async function openUnread(
  { url }: Target,
  count: number,
  pauseMs: (index: number) => number,
  textOf: (index: number) => string
): Promise<() => void> {
  const { hostname, port } = new URL(url)
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect(Number(port), hostname).pause()
    socket.on('error', () => {})
    socket.write(textOf(i))
    sockets.push(socket)
    await pause(pauseMs(i))
  }
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}

/** Stores a value. Throws if that fails. */
export async function put({ url }: Target, key: string, value: string | Buffer): Promise<void> {
  const { status } = await fetch(`${url}/kv/${key}`, { method: 'PUT', body: value })
  if (status !== 204) throw new Error(`PUT ${key}: ${status}`)
}
