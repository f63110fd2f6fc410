// A replica of another ring refuses; the request then plans again by the ring that is now in force. A version
// that may have been seen is kept through that: stamped again, the same value could be read, overwritten and
// read once more.

import t from 'tap'
import { createCoordinator } from '../../../src/core/quorum/coordinator.ts'
import { COORDINATOR_ROUNDS } from '../../../src/limits.ts'
import { failed, FENCED, MISS, STORED } from '../../../src/core/ports.ts'
import { found, scripted, valueOf } from './scripted-replicas.ts'

t.test('a read', async t => {
  const ports = scripted({
    get: [
      [FENCED, MISS, FENCED],
      [found(5), found(5), found(5)]
    ]
  })
  const { plan, record } = await createCoordinator(ports).read(0, 'k')
  t.equal(record?.version.timeMs, 5)
  t.equal(plan.ring.epoch, 2)
})

t.test('a read whose write-back was refused reads again', async t => {
  const ports = scripted({
    get: [
      [found(5), MISS, failed('timeout')],
      [found(6), found(6), MISS]
    ],
    merge: [
      [STORED, FENCED, FENCED],
      [STORED, STORED, STORED]
    ]
  })
  const { record } = await createCoordinator(ports).read(0, 'k')
  t.equal(record?.version.timeMs, 6)
})

t.test('a write asks for versions again, and keeps the stamp that some replica may have', async t => {
  const ports = scripted({
    get: [
      [MISS, FENCED, FENCED],
      [found(5_000), MISS, MISS]
    ],
    merge: [
      [failed('timeout'), FENCED, FENCED],
      [STORED, STORED, FENCED]
    ]
  })
  const { plan, version } = await createCoordinator(ports).write(0, 'k', valueOf)
  t.equal(plan.ring.epoch, 3)
  t.ok(version.timeMs >= 5_000, 'newer than what there was')
  t.same(
    new Set(ports.sent.map(record => JSON.stringify(record.version))),
    new Set([JSON.stringify(version)])
  )
  t.equal(ports.sent.length, 6)
})

t.test('a write that was refused by all may be stamped again', async t => {
  const ports = scripted({
    get: [[MISS, MISS, MISS]],
    merge: [
      [FENCED, FENCED, FENCED],
      [STORED, STORED, STORED]
    ]
  })
  const { version } = await createCoordinator(ports).write(0, 'k', valueOf)
  t.not(ports.sent[0]?.version, version)
  t.equal(ports.sent.length, 6)
})

t.test('not for ever', async t => {
  const restless = { code: 'KV_ERR_QUORUM', message: /changed too often/ }
  for (const ask of ['read', 'write'] as const) {
    const ports = scripted({ get: [[FENCED, FENCED, FENCED]] })
    let plans = 0
    const { plan } = ports.plans
    ports.plans.plan = slot => {
      plans++
      return plan(slot)
    }
    const { read, write } = createCoordinator(ports)
    const asked: Promise<unknown> = ask === 'read' ? read(0, 'k') : write(0, 'k', valueOf)
    await t.rejects(asked, restless, ask)
    t.equal(plans, COORDINATOR_ROUNDS)
  }
})
