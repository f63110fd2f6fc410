// What may be a key, whichever way it reached the node.

import { KvError } from '../../errors.ts'
import { KEY_BYTES } from '../../limits.ts'

/**
 * The key, if it is one: 1 to 1024 bytes of well-formed UTF-8. Throws `KV_ERR_KEY_MISSING`, `_LENGTH` or
 * `_ENCODING`.
 */
export function checkKey(key: unknown): string {
  if (Buffer.isBuffer(key)) throw new KvError('KV_ERR_KEY_ENCODING')
  if (typeof key !== 'string') throw new KvError('KV_ERR_KEY_MISSING')
  // A UTF-16 unit has at most three bytes of UTF-8, so most keys need no count.
  if (key.length === 0 || (key.length * 3 > KEY_BYTES && Buffer.byteLength(key) > KEY_BYTES)) {
    throw new KvError('KV_ERR_KEY_LENGTH')
  }
  if (!key.isWellFormed()) throw new KvError('KV_ERR_KEY_ENCODING')
  return key
}
