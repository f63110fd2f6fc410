// Each batch of a purge is an operation in flight under the stable ring: a newer ring, by which the node may
// hold those slots again, waits for it, and ends the purge.

import t from 'tap'
import { createCopying } from '../../../plugins/migration/index.ts'
import { fakeCopying } from './copying-fakes.ts'
import { OTHER, ringOf, settle } from '../../keeper/keeper-fakes.ts'

t.test('a newer ring waits for the batch under way, and no further one begins', async t => {
  const { app, storage } = await fakeCopying(ringOf(3), () => Infinity)
  let end = () => {}
  const ran: string[] = []
  storage.purge = async (_slots, within) => {
    await within?.(async () => {
      ran.push('first')
      await new Promise<void>(resolve => {
        end = resolve
      })
    })
    await within?.(async () => {
      ran.push('second')
    })
    return ran.length
  }
  const purged = createCopying(app, { async report() {} }).purge(ringOf(3))
  await settle()
  let isDrained = false
  const drained = app.ring.switchTo(ringOf(4)).then(() => {
    isDrained = true
  })
  await settle()
  t.notOk(isDrained, 'the batch is in flight')
  end()
  await drained
  t.equal(await purged, false)
  t.same(ran, ['first'])
})

t.test('nothing is purged but under that very ring, and only if it is stable', async t => {
  const { app, storage } = await fakeCopying(ringOf(3), () => Infinity)
  let purges = 0
  storage.purge = async () => ++purges
  const { purge } = createCopying(app, { async report() {} })
  t.equal(await purge(ringOf(3)), true)
  t.equal(await purge(ringOf(3, [OTHER])), false, 'another one')
  const joint = { ...ringOf(4), next: ringOf(4, [OTHER]).tokens, pending: [OTHER], since: 4 }
  await app.ring.switchTo(joint)
  t.equal(await purge(joint), false, 'a ring that changes')
  t.equal(purges, 1)
  Object.defineProperty(app.ring, 'view', { value: undefined })
  t.equal(await purge(ringOf(3)), false, 'no ring at all')
})

t.test('what belongs to others goes, and nothing else', async t => {
  const ring = { ...ringOf(3), replicas: 1 }
  const { app, storage } = await fakeCopying(ring, () => Infinity)
  let purged = (_slot: number) => false
  storage.purge = async slots => {
    purged = slots
    return 1
  }
  await createCopying(app, { async report() {} }).purge(ring)
  t.same([1000, 1001, 2000, 2001].map(purged), [false, true, true, false])
})
