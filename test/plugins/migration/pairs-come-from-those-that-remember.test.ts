// A node that does not trust what it holds gives no pairs to one that looks for what it missed: they may be
// values that were deleted without it, and whose tombstones are gone. Nor to one that recovers, while enough
// others remember.

import t from 'tap'
import { createCopying } from '../../../plugins/migration/index.ts'
import { fakeCopying } from './copying-fakes.ts'
import { NODE, OTHER, ringOf } from '../../keeper/keeper-fakes.ts'

const THIRD = '127.0.0.1:5003'
const FOURTH = '127.0.0.1:5004'
const RING = { ...ringOf(3, [NODE, OTHER, THIRD, FOURTH, '127.0.0.1:5005']), replicas: 5 }

/** The nodes whose pairs were merged. */
async function givers(forgotten: boolean, remembers: (node: string) => boolean): Promise<string[]> {
  const { app, storage } = await fakeCopying(RING, node => (remembers(node) ? Infinity : 0))
  const merged = new Set<string>()
  storage.mergeAll = async pairs => {
    for (const { key } of pairs) merged.add(key)
    return undefined
  }
  await createCopying(app, { async report() {} }).fetch(RING, forgotten)
  return [...merged].sort()
}

t.test('a look', async t => t.notOk((await givers(false, node => node !== OTHER)).includes(OTHER)))
t.test('a recovery while enough others remember', async t =>
  t.notOk((await givers(true, node => node !== OTHER)).includes(OTHER))
)
t.test('a recovery where too few do takes what there is', async t =>
  t.ok((await givers(true, node => node === THIRD)).includes(OTHER))
)

t.test('a look that is complete without it waits for nothing', async t => {
  const { app } = await fakeCopying(RING, node => (node === OTHER ? 0 : Infinity))
  t.same(await createCopying(app, { async report() {} }).fetch(RING, false), { complete: true })
})
