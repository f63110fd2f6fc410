import t from 'tap'
import { createDumpReader, type DumpProgress } from '../../../src/storage/memcached/metadump.ts'
import { batchesOf, createCollector } from '../../../src/storage/memcached/name-blocks.ts'

const LINES =
  'key=ring exp=-1 la=1 cas=4 fetch=yes cls=1 size=69\n' +
  'key=0042%3Aapple exp=-1 la=1795338880 cas=4 fetch=yes cls=1 size=69\n' +
  'key=0042%3Aa%23%25%3aZ exp=1795338880 la=1 cas=4 fetch=no cls=39 size=1000069\n' +
  'key=9999%23mZ4XVAkGr0NPM3x1cqUHGmiSGSh0vYN9tJ8S2bY2fUA exp=-1 la=1 cas=4 fetch=yes cls=1 ' +
  'size=130 flags=0\n' +
  'key=12%3Ashort exp=-1\nkey=0001-x exp=-1\nkey=0001%3A exp=-1\nkey=000a%3Ab ' +
  'exp=-1\nkey=0003%3Asizeless exp=-1\n'
const NAMES = [
  '0042:apple',
  '0042:a#%:Z',
  '9999#mZ4XVAkGr0NPM3x1cqUHGmiSGSh0vYN9tJ8S2bY2fUA',
  '0003:sizeless'
]

function read(text: string, cut = text.length): { progress: DumpProgress; names: string[] } {
  const collector = createCollector(new Uint8Array(10_000).fill(1), 1_000_000)
  const reader = createDumpReader(collector)
  let progress = reader(Buffer.from(text.slice(0, cut)))
  if (progress === 'more') progress = reader(Buffer.from(text.slice(cut)))
  return { progress, names: [...batchesOf(collector.finish(), 100, 1e9)].flat() }
}

t.test('names of pairs are decoded and others ignored, wherever the chunks end', async t => {
  const text = 'OK\r\n' + LINES + 'END\r\n'
  for (let cut = 0; cut <= text.length; cut++) {
    const found = read(text, cut)
    if (found.progress !== 'end' || found.names.join() !== NAMES.join()) {
      t.same(found, { progress: 'end', names: NAMES }, `cut at ${cut}`)
    }
  }
  t.same(read(LINES + 'END\r\n'), { progress: 'end', names: NAMES })
})

t.test('without its END a dump is not over', async t => {
  t.equal(read(LINES).progress, 'more')
  t.equal(read(LINES + 'END').progress, 'more')
})

t.test('busy and locked are told apart from errors', async t => {
  t.equal(read('BUSY currently processing crawler request\r\n').progress, 'busy')
  t.equal(read('ERROR locked try again later\r\n').progress, 'busy')
  t.throws(() => read('ERROR\r\n'), { code: 'KV_ERR_STORAGE' })
  t.throws(() => read('CLIENT_ERROR lru crawler disabled\r\n'), { code: 'KV_ERR_STORAGE' })
  t.throws(() => read('key=0001%3Ax%4 exp=-1\n'), { code: 'KV_ERR_STORAGE' })
  t.throws(() => read('key=' + 'x'.repeat(251) + ' exp=-1\n'), { code: 'KV_ERR_STORAGE' })
})
