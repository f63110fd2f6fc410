// Clients that ask for a lot and read none of it: pipelined gets of the largest values, and batches of values
// that grow sixfold on the wire.

import { setTimeout as pause } from 'node:timers/promises'
import { openUnread, put } from './connections.ts'
import { type Attack, type AttackOptions, type Target, type Verdict } from './verdict.ts'
import { witnessed } from './witness.ts'

const CONNECTIONS = 1_000
/** Batches come one after the other, so that each has its answer before the next asks. */
const BATCHES = 500
const QUICK_BATCHES = 100
const PIPELINED = 40
/**
 * The first ones get what they ask for; all at once they would mostly be refused, as the storage answers too
 * late.
 */
const UNHURRIED = 40
const BATCH_GETS = 16
const VALUE_BYTES = 1_000_000
/** Until the system's buffers for all connections are full. */
const FILLED_MS = 10_000
/** Many values, as gets of one at a time share an answer. */
const VALUES = 60

export const attack: Attack = async (target, options) => {
  await fill(target, 'v')
  const get = (number: number): string => `GET /kv/large-${number % VALUES} HTTP/1.1\r\nHost: n\r\n\r\n`
  return unread('clients that do not read', target, options, () =>
    openUnread(
      target,
      CONNECTIONS,
      index => (index < UNHURRIED ? 50 : 1),
      index => Array.from({ length: PIPELINED }, (_, i) => get(index + i)).join('')
    )
  )
}

export const attackWithBatches: Attack = async (target, options) => {
  await fill(target, '\x01')
  return unread('batches whose clients do not read', target, options, () =>
    openUnread(
      target,
      options.quick ? QUICK_BATCHES : BATCHES,
      () => 50,
      index => {
        const body = JSON.stringify({
          operations: Array.from({ length: BATCH_GETS }, (_, i) => ({
            op: 'get',
            key: `large-${(index + i) % VALUES}`
          }))
        })
        return (
          `POST /kv/batch HTTP/1.1\r\nHost: n\r\nContent-Type: ` +
          `application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
        )
      }
    )
  )
}

async function fill(target: Target, char: string): Promise<void> {
  for (let i = 0; i < VALUES; i++) await put(target, `large-${i}`, Buffer.alloc(VALUE_BYTES, char))
}

function unread(
  name: string,
  target: Target,
  options: AttackOptions,
  open: () => Promise<() => void>
): Promise<Verdict> {
  return witnessed(name, target, options, async begun => {
    const close = await open()
    try {
      await pause(options.quick ? 0 : FILLED_MS)
      begun()
      await pause(options.quick ? 3_000 : 45_000)
      return {}
    } finally {
      close()
    }
  })
}
