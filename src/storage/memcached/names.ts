// How a pair is called in Memcached. The name begins with the slot, so that a list of names can be filtered
// by slots:
//
//   0042:apple                                        a key that Memcached takes as it is
//   0042#mZ4XVAkGr0NPM3x1cqUHGmiSGSh0vYN9tJ8S2bY2fUA  any other, as its SHA-256; the record has the key

import assert from 'node:assert'
import { hash } from 'node:crypto'
import { decodeRecord, encodeRecord, type PairRecord } from '../../core/pairs/record.ts'
import { KvError } from '../../errors.ts'
import { SLOTS } from '../../limits.ts'
import { MEMCACHED_KEY_BYTES } from './limits.ts'

/** The name of the ring record, which lies beside the pairs and is the sentinel. */
export const RING_NAME = 'ring'

const PLAIN = new RegExp(`^[\\x21-\\x7e]{1,${MEMCACHED_KEY_BYTES}}$`)

/** The name of a pair, 6 to 245 characters of ASCII without spaces. */
export function pairName(slot: number, key: string): string {
  assert.ok(slot >= 0 && slot < SLOTS)
  const padding = slot > 999 ? '' : slot > 99 ? '0' : slot > 9 ? '00' : '000'
  return PLAIN.test(key)
    ? padding + slot + ':' + key
    : padding + slot + '#' + hash('sha256', key, 'base64url')
}

/** True if the name spells the key; the record of any other carries it. */
export function spellsKey(name: string): boolean {
  return name[4] === ':'
}

/** The slot that a pair's name begins with. */
export function slotOfName(name: string): number {
  return Number(name.slice(0, 4))
}

/** The bytes to store under a pair's name. */
export function encodeItem(name: string, key: string, record: PairRecord): Buffer {
  return encodeRecord(record, spellsKey(name) ? undefined : Buffer.from(key))
}

/**
 * The record in a stored item and the key that it belongs to; `key`, where the caller knows it. Throws
 * `KV_ERR_RECORD` if the bytes are not a record, or not that of the pair with this name. The value is a view
 * on `bytes`.
 */
export function decodeItem(
  name: string,
  bytes: Buffer,
  key?: string
): { readonly key: string; readonly record: PairRecord } {
  const record = decodeRecord(bytes)
  const carried = record.key
  if (spellsKey(name)) {
    if (carried !== undefined) {
      throw new KvError('KV_ERR_RECORD', 'the record carries a key although its name spells one')
    }
    return { key: key ?? name.slice(5), record }
  }
  if (carried === undefined) throw new KvError('KV_ERR_RECORD', 'the record does not carry its key')
  const same = key === undefined ? pairName(slotOfName(name), carried) === name : carried === key
  if (!same) throw new KvError('KV_ERR_RECORD', 'the record is that of another key')
  return { key: carried, record }
}
