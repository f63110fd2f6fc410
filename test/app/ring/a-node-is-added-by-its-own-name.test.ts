// A node that is to join is asked for its name first. By another one, be it another spelling of the same
// address, it would wait for pairs under a name that it does not know as its own, and hold up every other
// change.

import t from 'tap'
import { startNodes } from '../../support/cluster/nodes.ts'
import { isOk, ringOf, sameRing, writeKeys } from '../../support/cluster/ring-changes.ts'

for (const token of [undefined, 'secret']) {
  t.test(token === undefined ? 'without a token' : 'with a token', async t => {
    const nodes = await startNodes(t, 3, { replicas: 1, members: 2, ...(token !== undefined && { token }) })
    const [a, b, c] = nodes
    const headers = { ...(token !== undefined && { authorization: `Bearer ${token}` }) }
    if (token === undefined) await writeKeys(t, a, 20)
    const before = (await a.ask('/hash_ring', { headers })).text
    for (const node of [c, b]) {
      const port = node.address.split(':')[1]
      for (const name of [`localhost:${port}`, `127.1:${port}`]) {
        const adding = await a.ask(`/add_node/2000/${name}`, { headers })
        const beginning = await b.ask('/update_ring', {
          method: 'POST',
          headers,
          body: { ip: name, key: '2000', task: 'add' }
        })
        for (const refused of [adding, beginning]) {
          t.match(
            { status: refused.status, ...refused.json() },
            { status: 409, code: 'KV_ERR_NODE_NAME' },
            name
          )
          t.match(refused.json().message, name)
          t.match(refused.json().message, node.address)
        }
      }
    }
    t.equal((await a.ask('/hash_ring', { headers })).text, before, 'nothing has changed')
    isOk(t, await a.ask(`/add_node/2000/${c.address}`, { headers }), 'by its own name')
  })
}

t.test('a ring that was seeded with two names of one process', async t => {
  const nodes = await startNodes(t, 1, { replicas: 2 })
  const [node] = nodes
  const other = `localhost:${node.address.split(':')[1]}`
  const seed = JSON.stringify({
    nodes: [
      { ip: node.address, key: 4999 },
      { ip: other, key: 9999 }
    ],
    replicas: 2,
    generation: Date.now() + 1
  })
  await node.ask('/hash_ring', { method: 'POST', body: { data: seed } })
  const refused = await node.ask('/kv/k', { method: 'PUT', body: 'v' })
  t.match(
    { status: refused.status, ...refused.json() },
    { status: 503, code: 'KV_ERR_QUORUM' },
    'one copy is not taken for two'
  )
  t.ok(await ringOf(node))
  await sameRing(t, nodes)
})
