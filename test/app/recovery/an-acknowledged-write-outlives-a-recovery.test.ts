// A node forgets while a write that it acknowledged is under way to another replica. Its old answer and that
// replica's late one make up a quorum, so what it fetches from that replica must include the write: the ring
// is renewed first, and the renewal waits for what the replica has begun.

import t from 'tap'
import { failed, type Storage } from '../../../src/core/ports.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, untilReady, type TestNode } from '../../support/cluster/nodes.ts'

t.test('a merge in flight at a source while a forgetful node pulls from it', async t => {
  let armed = false
  let atC = false
  let release = () => {}
  const gate = new Promise<void>(resolve => {
    release = resolve
  })
  const wrap = (storage: Storage, index: number): Storage =>
    Object.create(storage, {
      incarnation: { get: () => storage.incarnation },
      merge: {
        value: async (...pair: Parameters<Storage['merge']>) => {
          if (armed && index === 0) return failed('unreachable')
          if (armed && index === 2) {
            atC = true
            await gate
          }
          return storage.merge(...pair)
        }
      }
    })
  const [a, b, c, standby] = (await startNodes(t, 4, { members: 3, wrap })) as unknown as [
    TestNode,
    TestNode,
    TestNode,
    TestNode
  ]
  armed = true
  const written = standby.ask('/kv/k', { method: 'PUT', body: 'acknowledged' })
  await until('b has it, c is about to', async () => atC && (await b.ask('/cache?key=k')).status === 200)
  b.forget()
  await until('b fences off what is under way', async () => (await b.ask('/hash_ring')).json().epoch === 2)
  t.equal((await b.ask('/readyz')).status, 503, 'it waits for c, whose merge is not done')
  release()
  t.equal((await written).status, 204)
  armed = false
  await untilReady(b)
  await c.stop()
  t.match(await a.ask('/kv/k'), { status: 200, text: 'acknowledged' })
})
