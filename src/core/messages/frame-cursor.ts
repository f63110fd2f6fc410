// Reading a frame from front to back.

import { isUtf8 } from 'node:buffer'
import { KvError } from '../../errors.ts'
import { FRAME_OPS } from '../../limits.ts'

export const FORMAT = 2

/** Reads a frame from front to back and refuses to read past its end. */
export function createCursor(source: Buffer) {
  let at = 0

  function advance(length: number): number {
    if (at + length > source.length) throw new KvError('KV_ERR_FRAME', 'the frame is cut short')
    const start = at
    at += length
    return start
  }

  const uint = (bytes: number) => source.readUIntBE(advance(bytes), bytes)
  const take = (length: number) => {
    const start = advance(length)
    return source.subarray(start, start + length)
  }

  return {
    uint,
    take,
    format() {
      if (uint(1) !== FORMAT) throw new KvError('KV_ERR_FRAME', 'unknown frame format')
    },
    text(length: number): string {
      const bytes = take(length)
      if (!isUtf8(bytes)) throw new KvError('KV_ERR_FRAME', 'text that is not UTF-8')
      return bytes.toString()
    },
    list<T>(item: () => T): T[] {
      const count = uint(2)
      if (count > FRAME_OPS) throw new KvError('KV_ERR_FRAME', 'too many operations')
      const items: T[] = []
      for (let i = 0; i < count; i++) items.push(item())
      return items
    },
    end() {
      if (at !== source.length) throw new KvError('KV_ERR_FRAME', 'bytes behind the frame')
    }
  }
}
