// Connections that say nothing, and such as begin to say something and go no further.

import { setTimeout as pause } from 'node:timers/promises'
import { openUnread } from './connections.ts'
import { type Attack } from './verdict.ts'
import { witnessed } from './witness.ts'

const CONNECTIONS = 1_000
const BEGUN = 'PUT /kv/begun HTTP/1.1\r\nHost: n\r\nContent-Length: 1000000\r\n\r\nbegun'

export const attack: Attack = (target, options) =>
  witnessed('idle connections', target, options, async () => {
    const [closeSilent, closeBegun] = [
      await openUnread(
        target,
        CONNECTIONS,
        () => 1,
        () => ''
      ),
      await openUnread(
        target,
        CONNECTIONS,
        () => 1,
        () => BEGUN
      )
    ]
    try {
      await pause(options.quick ? 3_000 : 20_000)
      return {}
    } finally {
      closeSilent()
      closeBegun()
    }
  })
