// Changes of the ring, as rings: what adding or removing tokens makes of the present one, and every step from
// there to the end.
//
//   stable(tokens) -- begin --> joint(tokens, next, pending) -- each receiver received --> stable(next)
//                               joint -- abort --> stable(tokens)
//
// In a joint ring reads and writes of a slot that moves need quorums of its old and of its new replicas, so
// either way out loses nothing. Each step makes the ring of the next epoch, or hands back the ring it was
// given where there is nothing to do.

import { KvError } from '../../errors.ts'
import { receiversOf } from './placement.ts'
import { sameTokens, type Ring, type Token } from './ring.ts'

/** The change that was seen last, as the joint ring that it had. */
export interface SeenChange {
  readonly state: 'under way' | 'done' | 'given up'
  readonly ring: Ring
}

/**
 * What an operator asks of the ring. `gone`: the node is dead, and nobody waits for it any more; nor for
 * those that are dead `also` and leave with it.
 */
export type Change =
  | { readonly kind: 'add'; readonly position: number; readonly node: string }
  | { readonly kind: 'remove-token'; readonly position: number; readonly node: string }
  | {
      readonly kind: 'remove'
      readonly node: string
      readonly gone: boolean
      readonly also?: readonly string[]
    }

/**
 * The ring that begins the change; the given one where the change is done or under way already. Throws
 * `KV_ERR_RING_CONFLICT` for a token that another node has, for the last node, and while another change is
 * under way; `KV_ERR_UNKNOWN_NODE`.
 */
export function beginChange(ring: Ring, change: Change): Ring {
  if (change.kind === 'remove' && change.gone) return beginWithout(ring, leaving(change))
  if (ring.next !== undefined && sameTokens(ring.next, edit(ring.tokens, change))) return ring
  check(ring, change)
  if (isDone(ring, change)) return ring
  if (ring.next !== undefined) {
    throw new KvError('KV_ERR_RING_CONFLICT', 'another change of the ring is under way; see /ring/changes')
  }
  return jointOrStable(ring, edit(ring.tokens, change), [])
}

/** Dead nodes hold up every change, so their removal takes the place of one that is under way. */
function beginWithout(ring: Ring, nodes: readonly string[]): Ring {
  const gone = ring.gone ?? []
  const left = nodes.filter(node => !gone.includes(node))
  if (left.length === 0) return ring
  const present = left.filter(node => ring.tokens.some(token => token.node === node))
  const isToCome = (node: string) =>
    !present.includes(node) && ring.next?.some(token => token.node === node) === true
  for (const node of left) if (!isToCome(node)) check(ring, { kind: 'remove', node, gone: true })
  if (present.length === 0) return stable(ring, ring.tokens)
  const dead = [...gone, ...present]
  if (ring.tokens.every(token => dead.includes(token.node))) {
    throw new KvError('KV_ERR_RING_CONFLICT', 'the last node of a ring cannot be removed')
  }
  return jointOrStable(
    ring,
    ring.tokens.filter(token => !dead.includes(token.node)),
    dead
  )
}

/** The nodes that a removal takes off the ring. */
export function leaving({ node, also = [] }: Change & { readonly kind: 'remove' }): readonly string[] {
  return [...new Set([node, ...also])]
}

/** True if the ring is as the change wants it, and no change under way makes it otherwise. */
export function isDone(ring: Ring, change: Change): boolean {
  return [ring.tokens, ring.next ?? ring.tokens].every(tokens => {
    if (change.kind === 'remove') return tokens.every(token => !leaving(change).includes(token.node))
    return (
      tokens.some(token => token.position === change.position && token.node === change.node) ===
      (change.kind === 'add')
    )
  })
}

/**
 * The ring after `node` has received all that it was due in the change of ring `during`: without it among
 * those that are waited for, and stable after the last. The present ring, where that change is not under way
 * any more.
 */
export function receivedAll(present: Ring, during: Ring, node: string): Ring {
  if (
    present.next === undefined ||
    present.generation !== during.generation ||
    present.since !== during.since
  ) {
    return present
  }
  if (!present.pending?.includes(node)) return present
  const pending = present.pending.filter(other => other !== node)
  return pending.length === 0
    ? stable(present, present.next)
    : { ...present, epoch: present.epoch + 1, pending }
}

/**
 * Gives the change up. Throws `KV_ERR_RING_CONFLICT` where there is none, or where it removes a node that is
 * gone.
 */
export function abortChange(ring: Ring): Ring {
  if (ring.next === undefined) throw new KvError('KV_ERR_RING_CONFLICT', 'no change is under way')
  if (ring.gone !== undefined) {
    throw new KvError(
      'KV_ERR_RING_CONFLICT',
      'a node that was declared dead cannot be taken back; let the change end and add it again'
    )
  }
  return stable(ring, ring.tokens)
}

/**
 * The change that is seen last by who comes from ring `before` to `ring`, having seen `last`; undefined: none
 * since the seeding.
 */
export function lastSeen(
  last: SeenChange | undefined,
  before: Ring | undefined,
  ring: Ring
): SeenChange | undefined {
  if (ring.next !== undefined) return { state: 'under way', ring }
  if (before === undefined || before.generation !== ring.generation) return undefined
  if (before.next !== undefined && sameTokens(before.next, ring.tokens)) {
    return { state: 'done', ring: before }
  }
  // Back to the same tokens: what was under way was given up; or they were only renewed.
  if (sameTokens(before.tokens, ring.tokens)) {
    return before.next === undefined ? last : { state: 'given up', ring: before }
  }
  // It had nothing to move, or went by unseen.
  return { state: 'done', ring: { ...ring, tokens: before.tokens, next: ring.tokens, since: ring.epoch } }
}

/** The same ring under the next epoch: a node that serves under it has ended everything that came before. */
export function renewed(ring: Ring): Ring {
  return { ...ring, epoch: ring.epoch + 1 }
}

/** The tokens as the change would have them, whether it is possible or not. */
function edit(tokens: readonly Token[], change: Change): readonly Token[] {
  if (change.kind === 'remove') return tokens.filter(token => token.node !== change.node)
  const others = tokens.filter(token => token.position !== change.position)
  return change.kind === 'remove-token'
    ? others
    : [...others, { position: change.position, node: change.node }].sort((a, b) => a.position - b.position)
}

function check(ring: Ring, change: Change): void {
  const all = [...ring.tokens, ...(ring.next ?? [])]
  if (change.kind === 'add') {
    const holder = all.find(token => token.position === change.position && token.node !== change.node)
    if (holder !== undefined) {
      throw new KvError('KV_ERR_RING_CONFLICT', `token ${change.position} is ${holder.node}'s`)
    }
    return
  }
  const isMeant = (token: Token) =>
    token.node === change.node && (change.kind === 'remove' || token.position === change.position)
  if (!all.some(isMeant)) {
    throw new KvError(
      'KV_ERR_UNKNOWN_NODE',
      `${change.node} has no ${change.kind === 'remove' ? 'token' : `token ${change.position}`}`
    )
  }
  const isLeft = (token: Token) => !isMeant(token) && !ring.gone?.includes(token.node)
  if (!ring.tokens.some(isLeft)) {
    throw new KvError('KV_ERR_RING_CONFLICT', 'the last node of a ring cannot be removed')
  }
}

function jointOrStable(ring: Ring, next: readonly Token[], gone: readonly string[]): Ring {
  const epoch = ring.epoch + 1
  const { generation, replicas, tokens } = ring
  const joint: Ring = {
    generation,
    epoch,
    replicas,
    tokens,
    next,
    since: epoch,
    ...(gone.length > 0 && { gone })
  }
  const receivers = receiversOf(joint)
  // Where nobody is due anything, every quorum of the replicas that stay meets every quorum of before, and
  // every write is at one of them.
  if (receivers.length === 0 && gone.length === 0) return stable(ring, next)
  // A ring that is decided without those that are gone has to name them; one of the others then ends the
  // change, with nothing to fetch.
  return { ...joint, pending: receivers.length > 0 ? receivers : [(next[0] as Token).node] }
}

function stable({ generation, epoch, replicas }: Ring, tokens: readonly Token[]): Ring {
  return { generation, epoch: epoch + 1, replicas, tokens, since: epoch + 1 }
}
