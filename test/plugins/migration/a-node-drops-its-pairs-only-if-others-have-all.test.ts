// A node that has forgotten, or does not trust what it holds, drops what is left only if so many others
// remember that they have every acknowledged write. If they were away too, what is left here may be the last
// that there is.

import t from 'tap'
import { createCopying } from '../../../plugins/migration/index.ts'
import { fakeCopying } from './copying-fakes.ts'
import { NODE, OTHER, ringOf } from '../../keeper/keeper-fakes.ts'

const THIRD = '127.0.0.1:5003'
const FOURTH = '127.0.0.1:5004'
/**
 * Four nodes, of which three hold each slot: this one, the second and the third hold slot 500; the fourth,
 * this one and the second slot 3500.
 */
const WIDE = { ...ringOf(3, [NODE, OTHER, THIRD, FOURTH]), replicas: 3 }
const RING = { ...ringOf(3, [NODE, OTHER, THIRD]), replicas: 3 }

async function dropsIf(remembers: (node: string) => boolean, forgotten = true): Promise<boolean> {
  const { app, storage } = await fakeCopying(RING, node => (remembers(node) ? Infinity : 0))
  let dropped = false
  storage.purge = async () => {
    dropped = true
    return 1
  }
  await createCopying(app, { async report() {} }).fetch(RING, forgotten)
  return dropped
}

t.test('both others remember', async t => t.equal(await dropsIf(() => true), true))
t.test('one of them has forgotten too', async t => t.equal(await dropsIf(node => node === OTHER), false))
t.test('both have', async t => t.equal(await dropsIf(() => false), false))
t.test('a look at what was missed drops nothing', async t => t.equal(await dropsIf(() => true, false), false))

t.test('of some slots the others have all', async t => {
  const { app, storage } = await fakeCopying(WIDE, node => (node === FOURTH ? 0 : Infinity))
  let dropped = (_slot: number) => false
  storage.purge = async slots => {
    dropped = slots
    return 1
  }
  t.match(await createCopying(app, { async report() {} }).fetch(WIDE, true), { complete: true })
  t.same(
    [500, 3000, 3001, 3500, 4000, 4001].map(slot => dropped(slot)),
    [true, false, false, false, false, true]
  )
})

t.test(
  'others that did not answer turn out to remember while they give theirs: to be begun anew without ' +
    'what is left here',
  async t => {
    let asked = 0
    const { app, storage } = await fakeCopying(RING, () => Infinity)
    const { channel } = app.peers
    app.peers.channel = node => ({
      ...channel(node),
      stream: async (path, body, silenceMs) => {
        if (asked++ < 2) throw new Error('no answer')
        return channel(node).stream(path, body, silenceMs)
      }
    })
    let purges = 0
    storage.purge = async () => ++purges
    const copying = createCopying(app, { async report() {} })
    t.match(await copying.fetch(RING, true), { complete: false })
    t.equal(purges, 0)
    t.match(await copying.fetch(RING, true), { complete: true })
    t.equal(purges, 1)
  }
)
