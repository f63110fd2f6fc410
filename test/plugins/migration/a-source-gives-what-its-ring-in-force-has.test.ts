// A source gives its pairs only under the ring that it is asked by, once that is in force at the whole node, as what was taken under older rings has ended
// then; and its end says that it remembers only if it did so from the first pair to the last.

import t from 'tap'
import { type FastifyInstance } from 'fastify'
import { openSource, type Source } from '../../../plugins/migration/source.ts'
import { createPairDecoder } from '../../../src/core/messages/pair-stream.ts'
import { type Pair } from '../../../src/core/ports.ts'
import { fakeStorage, installedRing } from './copying-fakes.ts'
import { NODE, OTHER, ringOf, settle } from '../../keeper/keeper-fakes.ts'

const pace = { observe () {}, restMs: () => 0, share: 1 }
const clock = { wallMs: () => 1000 } as FastifyInstance['clock']
const PAIR: Pair = { slot: 5, key: 'key', record: { version: { timeMs: 1, counter: 0, writer: 1 }, deleted: false, expiresAtMs: 0, contentType: '', value: Buffer.from('x') } }

async function endOf ({ pieces }: Source): Promise<{ remembers: boolean }> {
  const decoder = createPairDecoder()
  for await (const piece of pieces) decoder.push(piece)
  return decoder.finish()
}

t.test('it waits until the ring is in force', async t => {
  const ring = await installedRing(ringOf(3), false)
  let opened: Source | undefined
  const opening = openSource({ ring, storage: fakeStorage(), pace, clock }, ringOf(3), [[0, 9]]).then(source => { opened = source })
  await settle()
  t.equal(opened, undefined)
  ring.serve(ringOf(3))
  await opening
  t.not(opened, undefined)
})

t.test('another ring than the one that is asked by', async t => {
  const ring = await installedRing(ringOf(4, [NODE, OTHER, '127.0.0.1:5003']))
  await t.rejects(openSource({ ring, storage: fakeStorage(), pace, clock }, ringOf(3), [[0, 9]]), { code: 'KV_ERR_FENCED' })
})

t.test('a memory that is lost in the middle', async t => {
  const storage = fakeStorage()
  storage.scan = async function * () {
    yield [PAIR]
    storage.incarnation = 2
  }
  const source = await openSource({ ring: await installedRing(ringOf(3)), storage, pace, clock }, ringOf(3), [[0, 9]])
  t.match(await endOf(source), { remembers: false })
})

t.test('a memory that stays', async t => {
  const source = await openSource({ ring: await installedRing(ringOf(3)), storage: fakeStorage(), pace, clock }, ringOf(3), [[0, 9]])
  t.match(await endOf(source), { remembers: true })
})
