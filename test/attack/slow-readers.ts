// Clients that ask for a lot and read none of it: pipelined gets of the largest values, and batches of values that grow sixfold on the wire.

import { setTimeout as pause } from 'node:timers/promises'
import { openUnread, put } from './connections.ts'
import { type Attack, type AttackOptions, type Target, type Verdict } from './verdict.ts'
import { witnessed } from './witness.ts'

const CONNECTIONS = 1_000
const PIPELINED = 40
const BATCH_GETS = 16
const VALUE_BYTES = 1_000_000

export const attack: Attack = async (target, options) => {
  await put(target, 'large', Buffer.alloc(VALUE_BYTES, 'v'))
  return unread('clients that do not read', target, options, 'GET /kv/large HTTP/1.1\r\nHost: n\r\n\r\n'.repeat(PIPELINED))
}

export const attackWithBatches: Attack = async (target, options) => {
  await put(target, 'escaped', Buffer.alloc(VALUE_BYTES, 1))
  const body = JSON.stringify({ operations: Array(BATCH_GETS).fill({ op: 'get', key: 'escaped' }) })
  return unread('batches whose clients do not read', target, options, `POST /kv/batch HTTP/1.1\r\nHost: n\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
}

function unread (name: string, target: Target, options: AttackOptions, text: string): Promise<Verdict> {
  return witnessed(name, target, options, async () => {
    const close = await openUnread(target, CONNECTIONS, text)
    try {
      await pause(options.quick ? 5_000 : 45_000)
      return {}
    } finally {
      close()
    }
  })
}
