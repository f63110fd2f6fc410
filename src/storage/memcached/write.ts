// One write for the commands of a tick.

import { type Socket } from 'node:net'
import { STORAGE_JOIN_BYTES } from './limits.ts'

/**
 * Writes texts of ASCII and bodies of `bodyBytes` bytes in all: joined where they are small, gathered where
 * they are not.
 */
export function writeParts(socket: Socket, parts: readonly (string | Buffer)[], bodyBytes: number): void {
  if (bodyBytes > STORAGE_JOIN_BYTES) {
    socket.cork()
    for (const part of parts) socket.write(part as string, 'latin1')
    socket.uncork()
    return
  }
  let bytes = 0
  for (const part of parts) bytes += part.length
  const joined = Buffer.allocUnsafe(bytes)
  let at = 0
  for (const part of parts) {
    at += typeof part === 'string' ? joined.write(part, at, 'latin1') : part.copy(joined, at)
  }
  socket.write(joined)
}
