// The digest of a ring, which travels beside its number. Two rings of one number and other content should not
// be; where operators seed nodes differently they are, and nothing but their content tells them apart.

import { createHash } from 'node:crypto'
import { KvError } from '../../errors.ts'
import { compareRings, type Ring } from './ring.ts'
import { ringToJson } from './ring-json.ts'

/** Bytes of a digest: two rings that differ have the same one once in 10^19 times. */
export const DIGEST_BYTES = 8

const digests = new WeakMap<Ring, string>()

/**
 * The first bytes of SHA-256 over the ring as JSON, in hexadecimal digits. It is reckoned once for each ring
 * object, as it goes with every frame.
 */
export function digestOf(ring: Ring): string {
  let digest = digests.get(ring)
  if (digest === undefined) {
    digest = createHash('sha256')
      .update(JSON.stringify(ringToJson(ring)))
      .digest('hex')
      .slice(0, 2 * DIGEST_BYTES)
    digests.set(ring, digest)
  }
  return digest
}

/** True if the rings have one number and other content. */
export function areSplit(a: Ring, b: Ring): boolean {
  return compareRings(a, b) === 0 && digestOf(a) !== digestOf(b)
}

/** Throws `KV_ERR_RING_SPLIT` for a ring that has the number of this one and other content. */
export function refuseSplit(ring: Ring | undefined, other: Ring): void {
  if (ring !== undefined && areSplit(ring, other)) throw splitError(ring, 'another ring', other)
}

/** What a node with the ring says of the other one, which `whose` has. */
export function splitError(ring: Ring, whose: string, other: Ring): KvError {
  const { generation, epoch } = ring
  return new KvError(
    'KV_ERR_RING_SPLIT',
    `${whose} has the number of this node's ring (generation ${generation}, epoch ${epoch}) and ` +
      `other content ` +
      `(digest ${digestOf(other)}, not ${digestOf(ring)}): seed all nodes again, with a newer ` +
      `generation and with "replicas"`
  )
}
