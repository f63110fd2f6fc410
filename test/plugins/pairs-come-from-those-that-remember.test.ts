// A node that does not trust what it holds gives no pairs to one that looks for what it missed: they may be values that were deleted without it, and whose
// tombstones are gone. Nor to one that recovers, while enough others remember.

import t from 'tap'
import { createCopying } from '../../plugins/migration/index.ts'
import { fakeCopying } from './copying-fakes.ts'
import { NODE, OTHER, ringOf } from './keeper-fakes.ts'

const THIRD = '127.0.0.1:5003'
const FOURTH = '127.0.0.1:5004'
const RING = { ...ringOf(3, [NODE, OTHER, THIRD, FOURTH, '127.0.0.1:5005']), replicas: 5 }

/** The nodes that pairs were asked of. */
async function givers (forgotten: boolean, remembers: (node: string) => boolean): Promise<string[]> {
  const { app } = await fakeCopying(RING, remembers)
  const asked = new Set<string>()
  const { channel } = app.peers
  app.peers.channel = node => {
    const known = channel(node)
    return {
      ...known,
      async stream (path, body, silenceMs) {
        if ((body as { ranges: unknown[] }).ranges.length > 0) asked.add(node)
        return known.stream(path, body, silenceMs)
      }
    }
  }
  await createCopying(app, { report () {} }).fetch(RING, forgotten)
  return [...asked].sort()
}

t.test('a look', async t => t.notOk((await givers(false, node => node !== OTHER)).includes(OTHER)))
t.test('a recovery while enough others remember', async t => t.notOk((await givers(true, node => node !== OTHER)).includes(OTHER)))
t.test('a recovery where too few do takes what there is', async t => t.ok((await givers(true, node => node === THIRD)).includes(OTHER)))
