// The number that a look answered means nothing on another connection: behind that may be another run of
// Memcached, which gave it to something else.

import t from 'tap'
import { failed, STORED } from '../../../src/core/ports.ts'
import { type Client } from '../../../src/storage/memcached/client.ts'
import { type Connection } from '../../../src/storage/memcached/connection-api.ts'
import { createLargeNames } from '../../../src/storage/memcached/large-names.ts'
import { createLanes } from '../../../src/storage/memcached/lanes.ts'
import { encodeItem, pairName } from '../../../src/storage/memcached/names.ts'
import { mergePair } from '../../../src/storage/memcached/pairs.ts'
import { type PairRecord } from '../../../src/core/pairs/record.ts'

const record = (timeMs: number): PairRecord => ({
  version: { timeMs, counter: 0, writer: 1 },
  deleted: false,
  expiresAtMs: 0,
  contentType: '',
  value: Buffer.from('x')
})

/** A client that hands out another connection at each call; each knows only what `holds` says. */
function manyConnections(holds: Buffer | undefined): { readonly client: Client; readonly used: string[] } {
  const used: string[] = []
  let picked = 0
  const pick = (): Connection => {
    const number = ++picked
    const note = (verb: string) => used.push(`${verb} ${number}`)
    return {
      state: 'ready',
      gets(_name: string, done: (reply: object) => void) {
        note('gets')
        done(holds === undefined ? { kind: 'miss' } : { kind: 'value', bytes: holds, cas: '7' })
      },
      add(_name: string, _expiry: number, _body: Buffer, done: (reply: object) => void) {
        note('add')
        done({ kind: 'stored' })
      },
      cas(_name: string, _expiry: number, _body: Buffer, _cas: string, done: (reply: object) => void) {
        note('cas')
        done({ kind: 'stored' })
      },
      get(_name: string, done: (reply: object) => void) {
        done(failed('unreachable'))
      }
    } as unknown as Connection
  }
  return { client: { pick, close() {} }, used }
}

for (const [what, holds, step] of [
  ['over an older record', encodeItem(pairName(5, 'key'), 'key', record(1)), 'cas'],
  ['where there is nothing', undefined, 'add']
] as const) {
  t.test(what, async t => {
    const { client, used } = manyConnections(holds)
    const ports = {
      client,
      lanes: createLanes(9),
      large: createLargeNames(),
      wallMs: () => 1000,
      unreadable: () => t.fail('it is readable')
    }
    t.same(await mergePair(ports, 5, 'key', record(2)), STORED)
    t.same(used, ['gets 1', `${step} 1`])
  })
}
