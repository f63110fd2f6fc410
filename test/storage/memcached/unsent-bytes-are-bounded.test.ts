import t from 'tap'
import { STORAGE_UNSENT_BYTES } from '../../../src/storage/memcached/limits.ts'
import { parseAddress } from '../../../src/storage/memcached/address.ts'
import { openConnection } from '../../../src/storage/memcached/connection.ts'
import { type AddReply } from '../../../src/storage/memcached/connection-api.ts'
import { until } from '../../support/cluster/memcached.ts'
import { fakeMemcached } from '../faults.ts'

t.test('a Memcached that does not read fills no more memory than allowed', async t => {
  const address = await fakeMemcached(t, (_request, socket) => socket.pause())
  const connection = openConnection(parseAddress(address), { ready() {}, closed() {} })
  t.teardown(() => connection.destroy())
  await until('it is greeted', () => connection.state === 'ready')
  const body = Buffer.alloc(1_000_000)
  const replies: AddReply[] = []
  const count = 2 * Math.ceil(STORAGE_UNSENT_BYTES / body.length)
  for (let i = 0; i < count; i++) connection.add(`0001:${i}`, 0, body, reply => replies.push(reply))
  t.ok(replies.length > 0 && replies.length < count, `${replies.length} of ${count} were refused`)
  t.same(new Set(replies.map(reply => reply.kind === 'failed' && reply.reason)), new Set(['overloaded']))
  connection.destroy()
  t.equal(replies.length, count, 'the others end with the connection')
})
