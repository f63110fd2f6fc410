// The commands that the data path sends. A name that Memcached would not take as one word, or a length that
// is not the body's, would let the bytes that follow run as commands, so both are asserted here, at the last
// moment. There is no `set` and there must be none: when it fails, Memcached has already dropped the old
// value.

import assert from 'node:assert'
import { MEMCACHED_NAME_BYTES } from './limits.ts'

const NAME = new RegExp(`^[\\x21-\\x7e]{1,${MEMCACHED_NAME_BYTES}}$`)

/** Memcached keeps times in 32 bits: a later one wraps to the past and the item would be gone at once. */
const LAST_EXPIRY_S = 2 ** 31 - 1

/** Up to this, a number of seconds counts from now; beyond, it is a time. */
const LAST_RELATIVE_S = 30 * 24 * 60 * 60

/** Answered with every statistic of the instance. */
export const STATS = 'stats\r\n'

/**
 * A meta get, answered with the value under its name. Memcached sends the answers of several that came
 * together together, where it sends those of the classic `get` one by one.
 */
export function getCommand(name: string): string {
  assert.ok(NAME.test(name))
  return 'mg ' + name + ' k v\r\n'
}

/** Like the above, with the number that a later `cas` must present. */
export function getsCommand(name: string): string {
  assert.ok(NAME.test(name))
  return 'mg ' + name + ' k v c\r\n'
}

export function deleteCommand(name: string): string {
  assert.ok(NAME.test(name))
  return 'delete ' + name + '\r\n'
}

/** Deletes the item that must still be the one whose number was told. */
export function discardCommand(name: string, cas: string): string {
  assert.ok(NAME.test(name) && /^\d{1,20}$/.test(cas))
  return 'md ' + name + ' C' + cas + '\r\n'
}

/** The line before the body of an item that must not be there yet; body and `\r\n` follow. */
export function addLine(name: string, expiryS: number, bytes: number): string {
  assert.ok(NAME.test(name) && Number.isInteger(expiryS))
  return `add ${name} 0 ${expiryS} ${bytes}\r\n`
}

/** The line before the body of an item that must still be the one whose number was told. */
export function casLine(name: string, expiryS: number, bytes: number, cas: string): string {
  assert.ok(NAME.test(name) && Number.isInteger(expiryS) && /^\d{1,20}$/.test(cas))
  return `cas ${name} 0 ${expiryS} ${bytes} ${cas}\r\n`
}

/**
 * Memcached's expiry, absolute seconds, of what may be forgotten at `untilMs`; 0: never. A time that is too
 * late for Memcached means never. So does one that is so early that Memcached would count it from now: a
 * reader looks at the record's own time anyway.
 */
export function expiryS(untilMs: number): number {
  const seconds = Math.ceil(untilMs / 1000)
  return seconds > LAST_EXPIRY_S || seconds <= LAST_RELATIVE_S ? 0 : seconds
}
