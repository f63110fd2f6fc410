import { connect } from 'node:net'
import t from 'tap'
import { encodeItem, pairName } from '../../src/storage/memcached/names.ts'
import { startMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { collect, createLog, everySlot, openStorage, record } from './support.ts'

/** Puts an item there as somebody else would. */
function plant(address: string, name: string, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(address)
    socket.on('error', reject)
    socket.on('data', chunk => {
      socket.destroy()
      resolve(chunk.toString())
    })
    socket.write(
      Buffer.concat([Buffer.from(`add ${name} 0 0 ${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
    )
  })
}

t.test('text, and the record of another key', async t => {
  if (!needs(t, 'memcached')) return
  const { address } = await startMemcached(t, { socket: true })
  const { log, lines } = createLog()
  const storage = await openStorage(t, address, { log })
  await plant(address, '0001:text', Buffer.from('hello'))
  await plant(address, pairName(1, 'a b'), encodeItem(pairName(1, 'b a'), 'b a', record(1)))
  for (const key of ['text', 'a b']) {
    t.match(await storage.get(1, key), { kind: 'failed' }, key)
    t.match(await storage.merge(1, key, record(1)), { kind: 'failed' }, key)
    t.match(await storage.get(1, key), { kind: 'failed' }, 'it is still there')
  }
  t.equal(lines.filter(({ level }) => level === 'error').length, 1, 'told once a second at most')
  await t.rejects(
    collect(storage.scan(everySlot)),
    { code: 'KV_ERR_STORAGE' },
    'a scan does not pass over it'
  )
  t.equal(await storage.purge(everySlot), 2, 'a purge removes it')
})
