// The slot of a key: its place on the ring of 10,000.

import { hash } from 'node:crypto'
import { SLOTS } from '../../limits.ts'

/**
 * `int(md5(key), 16) mod 10000`, over the key's UTF-8. The 128-bit number is reduced by its four 32-bit
 * words, most significant first; every intermediate stays below 2^53, so doubles are exact.
 */
export function slotOf(key: string): number {
  const digest = hash('md5', key, 'binary')
  let slot = 0
  for (let i = 0; i < 16; i += 4) {
    const word =
      digest.charCodeAt(i) * 0x1000000 +
      digest.charCodeAt(i + 1) * 0x10000 +
      digest.charCodeAt(i + 2) * 0x100 +
      digest.charCodeAt(i + 3)
    slot = (slot * 0x100000000 + word) % SLOTS
  }
  return slot
}
