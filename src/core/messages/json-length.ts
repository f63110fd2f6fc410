// How long a value is in JSON, without making the JSON.

import { isUtf8 } from 'node:buffer'

/**
 * What each byte of text takes: six where it is told by its number, two where it has a name or is part of the
 * syntax.
 */
const LENGTHS = Uint8Array.from(
  { length: 256 },
  (_, byte) => JSON.stringify(String.fromCharCode(byte)).length - 2
)

/**
 * Bytes of a value in JSON, as text, or in base64 where it is not UTF-8, without its quotes. What is longer
 * than `enough` may be told as anything longer.
 */
export function lengthAsJson(value: Buffer, enough: number): number {
  if (!isUtf8(value)) return 4 * Math.ceil(value.length / 3)
  let length = 0
  for (let i = 0; i < value.length && length <= enough; i++) length += LENGTHS[value[i] as number] as number
  return length
}
