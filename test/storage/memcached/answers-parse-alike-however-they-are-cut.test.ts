import fc from 'fast-check'
import t from 'tap'
import { createParser, parse, type Reply } from '../../../src/storage/memcached/protocol.ts'

const TRANSCRIPT = Buffer.from(
  [
    'EN',
    'EN k0001:a',
    'VA 0 k0001:a',
    '',
    'VA 5 k0001:b c77',
    'E\r\nD\r',
    'STORED',
    'STAT pid 7',
    'STAT version 1.6 x',
    'END',
    'NOT_STORED',
    'EXISTS',
    'NOT_FOUND',
    'DELETED',
    'SERVER_ERROR out of memory storing object',
    'SERVER_ERROR object too large for cache',
    'VA 300 k0001:c c18446744073709551615',
    'x'.repeat(300),
    'EN',
    ''
  ].join('\r\n')
)

const EXPECTED = [
  'miss',
  'miss',
  'value  ""',
  'value 77 "E\\r\\nD\\r"',
  'stored',
  'stats pid=7 version=1.6 x',
  'not-stored',
  'exists',
  'not-found',
  'deleted',
  'full',
  'full',
  `value 18446744073709551615 "${'x'.repeat(300)}"`,
  'miss'
]

function show(reply: Reply): string {
  if (reply.kind === 'value') return `value ${reply.cas} ${JSON.stringify(reply.bytes.toString('latin1'))}`
  if (reply.kind === 'stats') return 'stats ' + [...reply.stats].map(entry => entry.join('=')).join(' ')
  return reply.kind
}

/** Feeds the chunks, each in memory of its own, as they come from a socket. */
function replies(chunks: Buffer[]): string[] {
  const names = ['0001:a', '0001:b', '0001:c']
  const shown: string[] = []
  const parser = createParser(
    () => names[0] ?? '',
    reply => {
      if (reply.kind === 'value') names.shift()
      shown.push(show(reply))
    }
  )
  for (const chunk of chunks) parse(parser, Buffer.from(chunk))
  return shown
}

t.test('in one piece', async t => {
  t.same(replies([TRANSCRIPT]), EXPECTED)
})

t.test('cut at any one place', async t => {
  for (let at = 0; at <= TRANSCRIPT.length; at++) {
    const found = replies([TRANSCRIPT.subarray(0, at), TRANSCRIPT.subarray(at)])
    if (found.join() !== EXPECTED.join()) t.same(found, EXPECTED, `cut at ${at}`)
  }
  t.pass(`${TRANSCRIPT.length} places`)
})

t.test('byte by byte, and at random places', async t => {
  t.same(replies([...TRANSCRIPT].map(byte => Buffer.of(byte))), EXPECTED)
  fc.assert(
    fc.property(fc.array(fc.nat(TRANSCRIPT.length), { maxLength: 20 }), cuts => {
      const edges = [0, ...cuts.sort((a, b) => a - b), TRANSCRIPT.length]
      const chunks = edges.slice(1).map((edge, i) => TRANSCRIPT.subarray(edges[i], edge))
      return replies(chunks).join() === EXPECTED.join()
    })
  )
})
