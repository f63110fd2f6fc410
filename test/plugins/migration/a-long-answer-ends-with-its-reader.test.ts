// A long answer waits for its first piece, so that an error before that is an error with a code; and what
// gives the pieces ends when the reader goes away, whether it has read anything or not.

import { once } from 'node:events'
import t from 'tap'
import { streamOf } from '../../../plugins/migration/stream.ts'
import { settle } from '../../keeper/keeper-fakes.ts'

/** Pieces without end, which tell when they are not wanted any more. */
function endless() {
  const source = { given: 0, ended: 0 }
  async function* pieces() {
    try {
      for (;;) {
        source.given++
        yield 'x'.repeat(100_000)
      }
    } finally {
      source.ended++
    }
  }
  return { source, pieces }
}

t.test('all pieces, in their order', async t => {
  async function* pieces() {
    yield 'a'
    yield Buffer.from('b')
    yield 'c'
  }
  let text = ''
  for await (const piece of await streamOf(pieces())) text += String(piece)
  t.equal(text, 'abc')
})

t.test('none at all', async t => {
  async function* pieces() {}
  for await (const piece of await streamOf(pieces())) t.fail(String(piece))
})

t.test('an error before the first piece, and one after it', async t => {
  async function* pieces(before: number) {
    for (let i = 0; i < before; i++) yield 'x'
    throw new Error('a defect')
  }
  await t.rejects(streamOf(pieces(0)), /a defect/)
  const stream = await streamOf(pieces(1))
  await t.rejects(async () => {
    for await (const piece of stream) t.equal(String(piece), 'x')
  }, /a defect/)
})

t.test('a reader that goes away before it has read, and one that does so later', async t => {
  for (const pieceIsRead of [false, true]) {
    const { source, pieces } = endless()
    const stream = await streamOf(pieces())
    t.equal(source.given, 1, 'the first piece is there')
    if (pieceIsRead) {
      stream.once('data', () => {})
      await once(stream, 'data')
      stream.pause()
      await settle()
      t.ok(source.given < 10, 'no more than it reads')
    }
    t.equal(source.ended, 0)
    stream.destroy()
    await settle()
    t.equal(source.ended, 1)
  }
})
