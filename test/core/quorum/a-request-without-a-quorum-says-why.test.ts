// Short of a quorum, a request fails with the code that its client can act upon, and a write says whether it
// may have been done: "nothing was written" only where that is certain.

import t from 'tap'
import { createCoordinator } from '../../../src/core/quorum/coordinator.ts'
import { failed, FENCED, MISS, STORED, type FailureReason } from '../../../src/core/ports.ts'
import { type Version } from '../../../src/core/pairs/version.ts'
import { KvError } from '../../../src/errors.ts'
import { found, scripted, valueOf, type Script } from './scripted-replicas.ts'

const all = (reason: FailureReason): Script => ({ get: [[failed(reason), failed(reason), failed(reason)]] })

const writes = (...merge: NonNullable<Script['merge']>): Script => ({ get: [[MISS, MISS, MISS]], merge })

const stale = { kind: 'stale', version: { timeMs: 9, counter: 9, writer: 9 } } as const

t.test('reads', async t => {
  const read = (script: Script) => createCoordinator(scripted(script)).read(0, 'k')
  await t.rejects(read(all('timeout')), {
    code: 'KV_ERR_QUORUM',
    statusCode: 503,
    message: 'too few replicas answered this read (timeout, timeout, timeout)'
  })
  await t.rejects(read(all('overloaded')), { code: 'KV_ERR_OVERLOADED' })
  await t.rejects(read({ get: [[failed('recovering'), MISS, failed('not-replica')]] }), {
    code: 'KV_ERR_QUORUM',
    message: /recovering, answered, not-replica/
  })
  const newest = found(5)
  await t.rejects(
    read({ get: [[newest, MISS, failed('timeout')]], merge: [[STORED, failed('full'), failed('timeout')]] }),
    { code: 'KV_ERR_QUORUM', message: /answered, full, timeout/ },
    'no quorum for the write-back, and none to do without'
  )
})

t.test('writes', async t => {
  const write = (script: Script) => createCoordinator(scripted(script)).write(0, 'k', valueOf)
  await t.rejects(
    write(all('unreachable')),
    { code: 'KV_ERR_QUORUM', message: /nothing was written/ },
    'before anything was sent'
  )
  await t.rejects(write(writes([failed('unreachable'), failed('unreachable'), failed('overloaded')])), {
    code: 'KV_ERR_QUORUM',
    message: /nothing was written/
  })
  await t.rejects(write(writes([failed('overloaded'), failed('overloaded'), failed('overloaded')])), {
    code: 'KV_ERR_OVERLOADED',
    message: /nothing was written/
  })
  await t.rejects(write(writes([failed('full'), failed('full'), stale])), {
    code: 'KV_ERR_FULL',
    message: 'the storage is full; the old value stands'
  })
  await t.rejects(write(writes([failed('full'), failed('full'), STORED])), {
    code: 'KV_ERR_FULL',
    message: /outcome unknown/
  })
  for (const answer of [STORED, failed('timeout'), failed('recovering')]) {
    await t.rejects(
      write(writes([failed('unreachable'), answer, failed('not-replica')])),
      { code: 'KV_ERR_QUORUM', message: /outcome unknown/ },
      JSON.stringify(answer)
    )
  }
})

t.test(
  'a write that an earlier round stored somewhere may be done, though the last round reached nobody',
  async t => {
    const nobody = [failed('unreachable'), failed('unreachable'), failed('unreachable')] as const
    for (const first of [STORED, failed('timeout')]) {
      const { write } = createCoordinator(scripted(writes([first, FENCED, FENCED], nobody)))
      await t.rejects(write(0, 'k', valueOf), { code: 'KV_ERR_QUORUM', message: /outcome unknown/ })
    }
    const { write } = createCoordinator(scripted(writes([FENCED, FENCED, FENCED], nobody)))
    await t.rejects(
      write(0, 'k', valueOf),
      { code: 'KV_ERR_QUORUM', message: /nothing was written/ },
      'refused by all is certain'
    )
  }
)

t.test('a ring that never rests', async t => {
  const fenced = [FENCED, FENCED, FENCED] as const
  for (const script of [
    { get: [fenced] },
    { get: [[MISS, MISS, MISS]], merge: [fenced] }
  ] satisfies Script[]) {
    await t.rejects(createCoordinator(scripted(script)).write(0, 'k', valueOf), {
      code: 'KV_ERR_QUORUM',
      message: /ring changed too often/
    })
  }
  await t.rejects(createCoordinator(scripted({ get: [fenced] })).read(0, 'k'), {
    code: 'KV_ERR_QUORUM',
    message: /ring changed too often/
  })
})

t.test('a defect is no answer', async t => {
  const ports = scripted({ get: [[MISS, MISS, MISS]] })
  const replicas = { ...ports.replicas, get: () => Promise.reject(new TypeError('a defect')) }
  await t.rejects(createCoordinator({ ...ports, replicas }).read(0, 'k'), TypeError)
  const plans = {
    plan() {
      throw new KvError('KV_ERR_NO_RING')
    }
  }
  await t.rejects(createCoordinator({ ...ports, plans }).read(0, 'k'), { code: 'KV_ERR_NO_RING' })
  const stamp = (_: Version) => {
    throw new RangeError('too long')
  }
  await t.rejects(createCoordinator(ports).write(0, 'k', stamp), RangeError)
})
