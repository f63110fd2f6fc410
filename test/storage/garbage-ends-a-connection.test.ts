import t from 'tap'
import { until } from '../support/cluster/memcached.ts'
import { fakeMemcached, serve } from './faults.ts'
import { createLog, openStorage, record } from './support.ts'

const ANSWERS = {
  'an error': 'ERROR\r\n',
  'the answer to another command': 'STORED\r\n',
  'the value of another key': 'VA 1 k0001:other\r\nx\r\n',
  'another protocol': 'HTTP/1.1 400 Bad Request\r\n\r\n',
  'one answer too many': 'EN\r\nEN\r\nEN\r\nEN\r\n'
}

for (const [name, answer] of Object.entries(ANSWERS)) {
  t.test(`${name}: all in flight fails, and the next connection is a fresh one`, async t => {
    let asked = 0
    const address = await fakeMemcached(t, (_request, socket) =>
      socket.write(asked++ === 0 ? answer : 'EN\r\n')
    )
    const storage = await openStorage(t, address)
    const results = await Promise.all([storage.get(1, 'a'), storage.get(1, 'b')])
    t.ok(
      results.some(result => result.kind === 'failed' && result.reason === 'timeout') ||
        name === 'one answer too many'
    )
    await until('a fresh connection answers', async () => (await storage.get(1, 'a')).kind === 'miss')
  })
}

t.test('what is no Memcached at all never gets a command', async t => {
  const requests: string[] = []
  const address = await serve(t, socket => {
    socket.on('data', chunk => requests.push(chunk.toString()))
    socket.write('220 mail.example ESMTP\r\n')
  })
  const { log, lines } = createLog()
  const storage = await openStorage(t, address, { log })
  t.match(await storage.merge(1, 'k', record(1)), { kind: 'failed', reason: 'unreachable' })
  t.equal(storage.incarnation, 0)
  t.same(
    requests.filter(request => request !== 'mg ring k v\r\nstats\r\n'),
    []
  )
  t.ok(lines.some(({ level }) => level === 'warn'))
})
