// Each batch of a purge is an operation in flight under the stable ring: a newer ring, by which the node may
// hold those slots again, waits for it, and ends the purge.

import t from 'tap'
import { createCopying } from '../../../plugins/migration/index.ts'
import { fakeCopying } from './copying-fakes.ts'
import { ringOf, settle } from '../../keeper/keeper-fakes.ts'

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
