// A replica that missed a delete gets its tombstone from the others without anybody reading the key; and one
// that was away for longer than tombstones live drops its old value, rather than bringing it back.

import t from 'tap'
import { startNodes } from '../../support/cluster/nodes.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'

const KEY = 'roof'
const SLOT = slotOf(KEY)

/** Three nodes of which the last holds the old value of a key that was deleted without it. */
async function missedDelete(t: Parameters<typeof startNodes>[0]) {
  const nodes = await startNodes(t, 3)
  const [first, second, third] = nodes
  await first.ask('/route', { method: 'POST', body: { key: KEY, val: 'old' } })
  // The coordinator answers when two of three have it.
  while ((await third.storage.get(SLOT, KEY)).kind !== 'found') await first.ask(`/route?key=${KEY}`)
  await third.stop()
  t.equal((await first.ask(`/route?key=${KEY}`, { method: 'DELETE' })).status, 200)
  await third.start()
  await nodes.readyAll()
  t.match(await third.storage.get(SLOT, KEY), { kind: 'found', record: { deleted: false } })
  return { first, second, third, ring: third.keeper.ring as Ring }
}

t.test('a look at the others brings what was missed', async t => {
  const { third, ring } = await missedDelete(t)
  t.same(await third.app.copying.fetch(ring, false), { complete: true })
  t.match(await third.storage.get(SLOT, KEY), { kind: 'found', record: { deleted: true } })
})

t.test('a node that does not trust what it holds drops it', async t => {
  const { first, second, third, ring } = await missedDelete(t)
  // As after a day: the tombstone is gone.
  for (const node of [first, second]) await node.storage.purge(() => true)
  t.same(await third.app.copying.fetch(ring, true), { complete: true })
  t.match(await third.storage.get(SLOT, KEY), { kind: 'miss' })
})
