// Many raw connections at once, of a client who does not read.

import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Target } from './verdict.ts'

const AT_A_TIME = 50

/** Opens so many, and writes to each what it is to ask. Nothing is read. The function that it returns closes them. */
export async function openUnread ({ url }: Target, count: number, text: string): Promise<() => void> {
  const { hostname, port } = new URL(url)
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect(Number(port), hostname).pause()
    socket.on('error', () => {})
    if (text !== '') socket.write(text)
    sockets.push(socket)
    if (i % AT_A_TIME === 0) await pause(1)
  }
  return () => { for (const socket of sockets) socket.destroy() }
}

/** Stores a value. Throws if that fails. */
export async function put ({ url }: Target, key: string, value: string | Buffer): Promise<void> {
  const { status } = await fetch(`${url}/kv/${key}`, { method: 'PUT', body: value })
  if (status !== 204) throw new Error(`PUT ${key}: ${status}`)
}
