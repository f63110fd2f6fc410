// How a request counts: by majorities or as it asks; a read writes back only what is not there; a write
// counts as done where a newer one is; and with a single replica nobody is asked twice without need.

import t from 'tap'
import { createCoordinator } from '../../../src/core/quorum/coordinator.ts'
import { failed, MISS, STORED } from '../../../src/core/ports.ts'
import { found, scripted, valueOf } from './scripted-replicas.ts'

const never = new Promise<never>(() => {})
const stale = (timeMs: number) => ({ kind: 'stale', version: { timeMs, counter: 0, writer: 9 } }) as const

t.test('two of three answer a read, and what they agree on is not written back', async t => {
  const ports = scripted({ get: [[found(5), never, found(5)]] })
  t.equal((await createCoordinator(ports).read(0, 'k')).record?.version.timeMs, 5)
  t.equal(ports.sent.length, 0)
  t.equal((await createCoordinator(scripted({ get: [[MISS, never, MISS]] })).read(0, 'k')).record, undefined)
})

t.test('the newest is written back to those that did not have it', async t => {
  const ports = scripted({ get: [[found(5), found(7), never]], merge: [[STORED, STORED, never]] })
  t.equal((await createCoordinator(ports).read(0, 'k')).record?.version.timeMs, 7)
  t.same(
    ports.sent.map(({ version }) => version.timeMs),
    [7, 7],
    'not to the one that had it'
  )
})

t.test('a request may ask for fewer or more', async t => {
  const one = createCoordinator(
    scripted({ get: [[never, never, found(5)]], merge: [[never, STORED, never]] })
  )
  t.equal((await one.read(0, 'k', { read: 1 })).record?.version.timeMs, 5)
  t.ok((await one.write(0, 'k', valueOf, { read: 1, write: 1 })).version)
  const three = createCoordinator(scripted({ get: [[MISS, MISS, failed('timeout')]] }))
  await t.rejects(three.read(0, 'k', { read: 3 }), { code: 'KV_ERR_QUORUM' })
})

t.test('a write is done where a quorum has it or a newer one', async t => {
  const ports = scripted({ get: [[MISS, MISS, MISS]], merge: [[STORED, stale(10 ** 15), never]] })
  t.ok((await createCoordinator(ports).write(0, 'k', valueOf)).version)
})

t.test('a single replica is not asked first, and what it refuses is stamped again', async t => {
  const ports = scripted({ nodes: 1, get: [[failed('timeout')]], merge: [[stale(5_000)], [STORED]] })
  const { version } = await createCoordinator(ports).write(0, 'k', valueOf)
  t.ok(version.timeMs >= 5_000)
  t.equal(ports.sent.length, 2)
})

t.test('what a single replica refuses once more is done: the newer write is a concurrent one', async t => {
  const ports = scripted({ nodes: 1, get: [[failed('timeout')]], merge: [[stale(5_000)], [stale(6_000)]] })
  const { version } = await createCoordinator(ports).write(0, 'k', valueOf)
  t.equal(version.timeMs, 5_000)
  t.equal(ports.sent.length, 2)
})
