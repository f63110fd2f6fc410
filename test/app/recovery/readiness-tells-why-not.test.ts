// `/livez` says that the process lives, `/readyz` whether it can serve, and if not, why.

import t from 'tap'
import { noStateFiles, type StateFiles } from '../../../src/keeper/state-file.ts'
import { type Storage } from '../../../src/core/ports.ts'
import { KvError } from '../../../src/errors.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, untilReady, type TestNode } from '../../support/cluster/nodes.ts'

const reason = async (node: TestNode) => {
  const answer = await node.ask('/readyz')
  t.equal((await node.ask('/livez')).status, 200, 'alive in any case')
  if (answer.status === 200) return 'ready'
  t.equal(answer.headers['retry-after'], '1')
  t.equal((await node.ask('/readyz', { method: 'HEAD' })).status, 503)
  return answer.json().code
}

t.test('no ring yet', async t => {
  const [node] = await startNodes(t, 1, { seeded: false })
  t.equal(await reason(node), 'KV_ERR_NO_RING')
  await node.ask('/hash_ring', {
    method: 'POST',
    body: { data: JSON.stringify({ nodes: [{ ip: node.address, key: 1 }] }) }
  })
  t.equal(await reason(node), 'ready', 'as soon as the seeding is answered')
  t.match((await node.ask('/readyz')).json(), { ready: true, node: node.address })
  t.match((await node.ask('/livez')).json(), { alive: true, node: node.address })
})

t.test('the storage does not answer', async t => {
  let down = false
  const wrap = (storage: Storage): Storage =>
    Object.create(storage, {
      incarnation: { get: () => storage.incarnation },
      stats: {
        value: async () => {
          if (down) throw new KvError('KV_ERR_STORAGE')
          return storage.stats()
        }
      }
    })
  const [node] = await startNodes(t, 1, { wrap })
  t.equal(await reason(node), 'ready')
  down = true
  t.equal(await reason(node), 'KV_ERR_STORAGE')
  down = false
  t.equal(await reason(node), 'ready')
})

t.test('recovering', async t => {
  const [a, b] = await startNodes(t, 2)
  await b.stop()
  a.forget()
  await until('it is noticed', async () => (await reason(a)) === 'KV_ERR_RECOVERING')
  await until('it says what it waits for', async () =>
    /: too few members of the ring answered$/.test((await a.ask('/readyz')).json().message)
  )
  await b.start()
  await untilReady(a)
  t.equal(await reason(b), 'ready')
})

t.test('a standby is ready, also when its storage was emptied', async t => {
  const nodes = await startNodes(t, 3, { members: 2 })
  const standby = nodes[2] as TestNode
  t.equal(await reason(standby), 'ready')
  standby.forget()
  t.equal(await reason(standby), 'ready')
})

t.test('a newer ring cannot be written to the disk', async t => {
  let full = false
  const files = (index: number): StateFiles =>
    index > 0
      ? noStateFiles
      : {
          ...noStateFiles,
          ring: {
            read: async () => undefined,
            write: async () => {
              if (full) throw new Error('no space left on the device')
            }
          },
          votes: {
            read: async () => undefined,
            write: async () => {
              if (full) throw new Error('no space left on the device')
            }
          }
        }
  const [a, b] = await startNodes(t, 4, { members: 3, files })
  full = true
  t.match(await a.ask('/update_ring', { method: 'POST', body: { ip: b.address, key: '1', task: 'add' } }), {
    status: 503
  })
  t.match(
    await b.ask('/update_ring', { method: 'POST', body: { ip: b.address, key: '1', task: 'add' } }),
    { status: 200 },
    'the others go on'
  )
  await until('it is noticed', async () => (await reason(a)) === 'KV_ERR_INSTALL')
  t.equal(await reason(b), 'ready')
  full = false
  await untilReady(a)
})

t.test('the process that keeps the ring does not answer', async t => {
  const [node] = await startNodes(t, 1)
  let answers = false
  Object.defineProperty(node.keeper, 'answers', { get: () => answers })
  t.equal(await reason(node), 'KV_ERR_PRIMARY')
  t.match(await node.ask('/kv/k', { method: 'PUT', body: 'v' }), { status: 204 }, 'requests are served')
  answers = true
  t.equal(await reason(node), 'ready')
})

t.test('about to stop', async t => {
  const [node] = await startNodes(t, 1)
  const noticed = node.app.giveNotice()
  t.equal(await reason(node), 'KV_ERR_STOPPING')
  t.match(
    await node.ask('/kv/k', { method: 'PUT', body: 'v' }),
    { status: 204, headers: { connection: 'close' } },
    'what still comes is served'
  )
  t.match(await node.ask('/kv/k'), { status: 200, text: 'v' })
  await noticed
})
