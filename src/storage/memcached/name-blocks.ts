// The names of a dump, packed, in bounded memory. Where there are more of them than the budget takes, those
// of the highest slots are left to a later dump. A packed name takes three bytes more than its characters:
//
//   | its length | size of the item, units of 64 bytes | name ... |
//   |     1      |                  2                  |  6..250  |

import { SLOTS } from '../../limits.ts'
import { MEMCACHED_NAME_BYTES, SCAN_BLOCK_BYTES } from './limits.ts'

const UNIT_BYTES = 64
const HEAD_BYTES = 3

/** Packed names, and where the next dump has to begin. */
export interface Names {
  readonly blocks: readonly Uint8Array<ArrayBuffer>[]
  /** Slots from here on are not in the blocks; `SLOTS`: nothing was left out. */
  readonly nextSlot: number
}

export interface Collector {
  /**
   * Takes the name in the first `length` bytes, which begins with the slot in four digits, unless it is not
   * wanted.
   */
  add(slot: number, name: Uint8Array, length: number, itemBytes: number): void
  finish(): Names
}

/**
 * Keeps the names of slots marked 1 in `wanted` within `budgetBytes`; a slot is kept whole even if it alone
 * takes more.
 */
export function createCollector(wanted: Uint8Array, budgetBytes: number): Collector {
  const perSlot = new Float64Array(SLOTS)
  const entry = new Uint8Array(HEAD_BYTES + MEMCACHED_NAME_BYTES)
  let packed = createPacked()
  let bytes = 0
  let ceiling = SLOTS
  let only = -1

  /** Leaves out the highest slots, a quarter of the names or more, so that this does not happen often. */
  function lower(): void {
    const kept = fit(perSlot, ceiling, (budgetBytes * 3) / 4)
    ceiling = kept.ceiling
    bytes = kept.bytes
    only = kept.only
    perSlot.fill(0, ceiling)
    const old = packed.blocks()
    packed = createPacked()
    // Block by block, so that at no time two whole copies exist.
    for (let block = old.shift(); block !== undefined; block = old.shift()) {
      for (let at = 0; at < block.length; at += HEAD_BYTES + (block[at] as number)) {
        if (slotAt(block, at + HEAD_BYTES) < ceiling) {
          packed.append(block.subarray(at, at + HEAD_BYTES + (block[at] as number)))
        }
      }
    }
  }

  return {
    add(slot, name, length, itemBytes) {
      if (wanted[slot] !== 1 || slot >= ceiling) return
      const units = Math.min(0xffff, Math.ceil(itemBytes / UNIT_BYTES))
      entry[0] = length
      entry[1] = units >> 8
      entry[2] = units & 0xff
      entry.set(name.subarray(0, length), HEAD_BYTES)
      packed.append(entry.subarray(0, HEAD_BYTES + length))
      perSlot[slot] = (perSlot[slot] as number) + HEAD_BYTES + length
      bytes += HEAD_BYTES + length
      if (bytes > budgetBytes && slot !== only) lower()
    },
    finish: () => ({ blocks: packed.blocks(), nextSlot: ceiling })
  }
}

/**
 * The lowest slots that fit, one at the least: the slot that they end before, their bytes, and which if it is
 * a single one.
 */
function fit(
  perSlot: Float64Array,
  end: number,
  targetBytes: number
): { ceiling: number; bytes: number; only: number } {
  let bytes = 0
  let only = -1
  for (let slot = 0; slot < end; slot++) {
    const more = perSlot[slot] as number
    if (more === 0) continue
    if (bytes > 0 && bytes + more > targetBytes) return { ceiling: slot, bytes, only }
    only = bytes === 0 ? slot : -1
    bytes += more
  }
  return { ceiling: end, bytes, only }
}

interface Packed {
  append(entry: Uint8Array): void
  blocks(): Uint8Array<ArrayBuffer>[]
}

function createPacked(): Packed {
  const full: Uint8Array<ArrayBuffer>[] = []
  let block = new Uint8Array(SCAN_BLOCK_BYTES)
  let used = 0
  return {
    append(entry) {
      if (used + entry.length > block.length) {
        full.push(block.subarray(0, used))
        block = new Uint8Array(SCAN_BLOCK_BYTES)
        used = 0
      }
      block.set(entry, used)
      used += entry.length
    },
    blocks: () => [...full, block.subarray(0, used)]
  }
}

function slotAt(block: Uint8Array, at: number): number {
  let slot = 0
  for (let i = 0; i < 4; i++) slot = slot * 10 + (block[at + i] as number) - 48
  return slot
}

/**
 * Unpacks the names of a dump into batches of up to `pairs` names whose items have up to `bytes` in all, or
 * one item.
 */
export function* batchesOf(names: Names, pairs: number, bytes: number): Generator<string[]> {
  let batch: string[] = []
  let batchBytes = 0
  for (const block of names.blocks) {
    const text = Buffer.from(block.buffer, block.byteOffset, block.length)
    for (let at = 0; at < text.length;) {
      const nameEnd = at + HEAD_BYTES + (text[at] as number)
      const itemBytes = text.readUInt16BE(at + 1) * UNIT_BYTES
      if (batch.length === pairs || (batch.length > 0 && batchBytes + itemBytes > bytes)) {
        yield batch
        batch = []
        batchBytes = 0
      }
      batch.push(text.toString('latin1', at + HEAD_BYTES, nameEnd))
      batchBytes += itemBytes
      at = nameEnd
    }
  }
  if (batch.length > 0) yield batch
}
