import fc from 'fast-check'
import t from 'tap'
import { KvError } from '../../../src/errors.ts'
import { createDumpReader } from '../../../src/storage/memcached/metadump.ts'
import { createCollector } from '../../../src/storage/memcached/name-blocks.ts'
import { createParser, parse } from '../../../src/storage/memcached/protocol.ts'

const REFUSED = [
  'HTTP/1.1 400 Bad Request\r\n',
  'ERROR\r\n',
  'CLIENT_ERROR bad data chunk\r\n',
  'SERVER_ERROR out of memory writing get response\r\n',
  'EN\n',
  'END\r\n',
  'EN kkk\r\n',
  'EN k\r\n',
  'EN other\r\n',
  '\r\n',
  '\n',
  'VA\r\n',
  'VA \r\n',
  'VA 1 kk\n',
  'VA 1 kother\r\n',
  'VA 1 kkk\r\n',
  'VA 1\r\n',
  'VA 1 k\r\n',
  'VA x kk\r\n',
  'VA -1 kk\r\n',
  'VA 99999999 kk\r\n',
  'VA 123456789 kk\r\n',
  'VA 1 kk x\r\n',
  'VA 1 kk c\r\n',
  'VA 1 kk c2 c3\r\n',
  'VA 1 kk c2 \r\n',
  'VA 1 kk \r\n',
  'VA 1 kk c123456789012345678901\r\n',
  'VA 1 kk\r\nab\r\n',
  'VA 1 kk\r\na\nx',
  'STAT a\r\n',
  'STAT a b\r\nVA 1 kk\r\n',
  'STAT a b\r\nSTORED\r\n',
  'x'.repeat(5000)
]

function codeOf(feed: () => void): string | undefined {
  try {
    feed()
    return undefined
  } catch (error) {
    // Anything else than a coded error is a defect and goes on to fail the test.
    if (!(error instanceof KvError)) throw error
    return error.code
  }
}

t.test('known ways to be wrong', async t => {
  for (const text of REFUSED) {
    t.equal(
      codeOf(() =>
        parse(
          createParser(
            () => 'k',
            () => {}
          ),
          Buffer.from(text)
        )
      ),
      'KV_ERR_STORAGE',
      JSON.stringify(text.slice(0, 50))
    )
  }
})

t.test('a value that nobody asked for', async t => {
  t.equal(
    codeOf(() =>
      parse(
        createParser(
          () => '',
          () => {}
        ),
        Buffer.from('VA 1 k\r\na\r\n')
      )
    ),
    'KV_ERR_STORAGE'
  )
})

const word = fc.constantFrom(
  'VA ',
  ' kk',
  ' c7',
  'EN',
  'END\r\n',
  'STAT ',
  'a b\r\n',
  '0',
  '5',
  '\r\n',
  'STORED\r\n',
  'hello\r\n',
  '\n',
  '9'.repeat(30),
  'key=',
  '0001%3A',
  '%',
  'exp=',
  ' size=',
  'BUSY',
  'OK\r\n'
)
const mixed = fc.array(
  fc.oneof(
    word.map(text => Buffer.from(text)),
    fc.uint8Array({ maxLength: 30 }).map(bytes => Buffer.from(bytes))
  ),
  { maxLength: 30 }
)

t.test('random and nearly right bytes, in random chunks', async t => {
  fc.assert(
    fc.property(mixed, chunks => {
      const parser = createParser(
        () => 'k',
        () => {}
      )
      codeOf(() => {
        for (const chunk of chunks) parse(parser, chunk)
      })
      const read = createDumpReader(createCollector(new Uint8Array(10_000).fill(1), 1000))
      codeOf(() => {
        for (const chunk of chunks) if (read(chunk) !== 'more') return
      })
    }),
    { numRuns: 3000 }
  )
  t.pass('no other error')
})
