// A replica that is asked about a slot that it does not hold says so, and keeps no ring waiting for that; nor
// is it asked by another ring. One whose storage seems to have forgotten looks again before it says so.

import fastify from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import replica, { createReplica } from '../../../plugins/replica/index.ts'
import { FENCED, MISS } from '../../../src/core/ports.ts'
import { fakeStorage, installedRing } from '../migration/copying-fakes.ts'
import { OTHER, ringOf } from '../../keeper/keeper-fakes.ts'

t.test('a slot of others', async t => {
  const others = ringOf(3, [OTHER])
  const ring = await installedRing(others)
  const storage = fakeStorage()
  storage.get = async () => {
    throw new Error('it is not asked')
  }
  t.same(await createReplica({ storage, ring }).get(others, 5, 'key'), {
    kind: 'failed',
    reason: 'not-replica'
  })
  await ring.switchTo(ringOf(4, [OTHER]))
  t.equal(ring.view?.ring.epoch, 4, 'nothing is in flight under the ring before')
})

t.test('another ring than the one in force, and one that comes instead of it', async t => {
  const storage = fakeStorage()
  storage.get = async () => {
    throw new Error('it is not asked')
  }
  const ring = await installedRing(ringOf(3), false)
  const replica = createReplica({ storage, ring })
  t.same(await replica.get(ringOf(2), 5, 'key'), FENCED)
  const waiting = replica.get(ringOf(3), 5, 'key')
  await ring.switchTo(ringOf(4))
  t.same(await waiting, FENCED)
})

t.test('an operation that has ended keeps no ring waiting, nor does one that has failed', async t => {
  const storage = fakeStorage()
  const ring = await installedRing(ringOf(3))
  const { get } = createReplica({ storage, ring })
  t.same(await get(ringOf(3), 5, 'key'), MISS)
  storage.get = async () => {
    throw new Error('a defect')
  }
  await t.rejects(get(ringOf(3), 5, 'key'), /a defect/)
  await ring.switchTo(ringOf(4))
  t.equal(ring.view?.ring.epoch, 4)
})

t.test('an application has one over its storage and its ring', async t => {
  const app = fastify()
  app.decorate('storage', fakeStorage())
  app.decorate('ring', await installedRing(ringOf(3)))
  for (const name of ['storage', 'ring']) await app.register(fp(async () => {}, { name }))
  await app.register(replica)
  t.same(await app.replica.get(ringOf(3), 5, 'key'), MISS)
})

t.test('a storage that has recovered unseen', async t => {
  const own = ringOf(3)
  const storage = fakeStorage()
  storage.incarnation = 0
  storage.recheck = async () => {
    storage.incarnation = 2
  }
  t.same(await createReplica({ storage, ring: await installedRing(own) }).get(own, 5, 'key'), MISS)
})
