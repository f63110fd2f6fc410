// A node that has forgotten, or does not trust what it holds, drops what is left only if so many others remember that they have every acknowledged write.
// If they were away too, what is left here may be the last that there is.

import t from 'tap'
import { createCopying } from '../../plugins/migration/index.ts'
import { fakeCopying } from './copying-fakes.ts'
import { NODE, OTHER, ringOf } from './keeper-fakes.ts'

const THIRD = '127.0.0.1:5003'
const RING = { ...ringOf(3, [NODE, OTHER, THIRD]), replicas: 3 }

async function dropsIf (remembers: (node: string) => boolean, forgotten = true): Promise<boolean> {
  const { app, storage } = await fakeCopying(RING, remembers)
  let dropped = false
  storage.purge = async () => {
    dropped = true
    return 1
  }
  await createCopying(app, { report () {} }).fetch(RING, forgotten)
  return dropped
}

t.test('both others remember', async t => t.equal(await dropsIf(() => true), true))
t.test('one of them has forgotten too', async t => t.equal(await dropsIf(node => node === OTHER), false))
t.test('both have', async t => t.equal(await dropsIf(() => false), false))
t.test('a look at what was missed drops nothing', async t => t.equal(await dropsIf(() => true, false), false))
