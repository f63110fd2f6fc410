// A parser that copied what it has at every chunk would move 500 GB here and not be done before the runner's
// deadline.

import t from 'tap'
import { createParser, parse, type Reply } from '../../../src/storage/memcached/protocol.ts'

t.test('a million bytes, one by one', async t => {
  const replies: Reply[] = []
  const parser = createParser(
    () => 'k',
    reply => replies.push(reply)
  )
  parse(parser, Buffer.from('VA 1000000 kk\r\n'))
  const byte = Buffer.from('x')
  for (let i = 0; i < 1_000_000; i++) parse(parser, byte)
  t.same(replies, [])
  parse(parser, Buffer.from('\r\n'))
  t.match(replies, [{ kind: 'value', bytes: Buffer.alloc(1_000_000, 'x') }])
})

t.test('a value within one chunk is not copied at all', async t => {
  const replies: Reply[] = []
  const chunk = Buffer.from('VA 3 kk\r\nabc\r\n')
  parse(
    createParser(
      () => 'k',
      reply => replies.push(reply)
    ),
    chunk
  )
  const [reply] = replies
  t.ok(reply?.kind === 'value' && reply.bytes.buffer === chunk.buffer)
})
