// Gets of one name that wait for the same write leave as one command, and each gets the answer. One that
// comes later does not share it: a write may have been acknowledged in between.

import t, { type Test } from 'tap'
import { failed } from '../../../src/core/ports.ts'
import { parseAddress } from '../../../src/storage/memcached/address.ts'
import { openConnection } from '../../../src/storage/memcached/connection.ts'
import { type Connection, type GetReply } from '../../../src/storage/memcached/connection-api.ts'
import { until } from '../../support/cluster/memcached.ts'
import { fakeMemcached } from '../faults.ts'

const get = (connection: Connection, name: string): Promise<GetReply> =>
  new Promise(resolve => connection.get(name, resolve))
const textOf = (reply: GetReply): string => (reply.kind === 'value' ? reply.bytes.toString() : reply.kind)

async function openTo(t: Test, address: string): Promise<Connection> {
  const connection = openConnection(parseAddress(address), { ready() {}, closed() {} })
  t.teardown(() => connection.destroy())
  await until('it is greeted', () => connection.state === 'ready')
  return connection
}

t.test('those of one tick', async t => {
  const requests: string[] = []
  const connection = await openTo(
    t,
    await fakeMemcached(t, (request, socket) => {
      requests.push(request)
      for (const [, name = ''] of request.matchAll(/mg (\S+) k v\r\n/g)) {
        socket.write(`VA ${name.length + 2} k${name}\r\n${name} ${requests.length}\r\n`)
      }
    })
  )
  const replies = await Promise.all(['a', 'b', 'a', 'a'].map(name => get(connection, name)))
  t.same(replies.map(textOf), ['a 1', 'b 1', 'a 1', 'a 1'])
  t.equal(textOf(await get(connection, 'a')), 'a 2')
  t.same(requests, ['mg a k v\r\nmg b k v\r\n', 'mg a k v\r\n'])
})

t.test('not one that begins when the command was written', async t => {
  let answer = (): void => {}
  let requests = 0
  const connection = await openTo(
    t,
    await fakeMemcached(t, (_request, socket) => {
      if (++requests === 1) answer = () => socket.write('VA 3 ka\r\nold\r\n')
      else socket.write('VA 3 ka\r\nnew\r\n')
    })
  )
  const early = get(connection, 'a')
  await until('the first is written', () => requests === 1)
  const late = get(connection, 'a')
  answer()
  t.same([textOf(await early), textOf(await late)], ['old', 'new'])
})

t.test('when the connection ends each is told what became of it, and a later one too', async t => {
  let requests = 0
  const connection = await openTo(
    t,
    await fakeMemcached(t, () => {
      requests++
    })
  )
  const written = [get(connection, 'a'), get(connection, 'a')]
  await until('they are written', () => requests === 1)
  const unwritten = [get(connection, 'a'), get(connection, 'a')]
  connection.destroy()
  t.same(await Promise.all(written), [failed('timeout'), failed('timeout')])
  t.same(await Promise.all(unwritten), [failed('unreachable'), failed('unreachable')])
  t.same(await get(connection, 'a'), failed('unreachable'))
})
