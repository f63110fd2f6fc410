// How two nodes show each other that both have the cluster token, without sending it. Each makes up a nonce
// and proves with it, the other's nonce and both names that it can compute an HMAC under the token. Who asks
// proves first, so a stranger gets nothing that the token could be guessed from; and the two proofs have
// labels of their own, so that neither can be sent back as the other.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { isNodeAddress } from '../ring/ring.ts'

export interface Hello {
  /** The name of the node that asks, and the name by which it calls the other. */
  readonly from: string
  readonly to: string
  /** The nonces of the node that asks and of the one that answers, hexadecimal. */
  readonly asked: string
  readonly answered: string
}

/** What a node shows to others, and the authority that it trusts; PEM. */
export interface TlsIdentity {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca: Buffer
}

export type Side = 'asks' | 'answers'

/** Bytes of a nonce: as much as the digest has, so that none comes twice. */
export const NONCE_BYTES = 32

/** The proof of one side, hexadecimal. JSON tells where each part ends. */
export function proofOf(token: string, side: Side, { from, to, asked, answered }: Hello): string {
  return createHmac('sha256', token)
    .update(JSON.stringify(['ringkeep hello', side, from, to, asked, answered]))
    .digest('hex')
}

export function isProof(given: unknown, wanted: string): boolean {
  return isHex(given) && timingSafeEqual(Buffer.from(given, 'hex'), Buffer.from(wanted, 'hex'))
}

/**
 * What a node says of itself, in the first message and in the answer to it; undefined: the object is neither.
 */
export function parseIntroduction(
  value: unknown,
  name: 'from' | 'node'
): { readonly node: string; readonly nonce: string } | undefined {
  const { [name]: node, nonce } = (value ?? {}) as Partial<Record<'from' | 'node' | 'nonce', unknown>>
  return isNodeAddress(node) && isHex(nonce) ? { node, nonce } : undefined
}

function isHex(value: unknown): value is string {
  return typeof value === 'string' && value.length === 2 * NONCE_BYTES && /^[0-9a-f]+$/.test(value)
}
