// Two ask for the same change at once. One of them asks the receiver whether it is ready when the change of
// the other has begun: the receiver, which is in the middle of it, says so, and the late one waits for the
// change instead of for a receiver that has tidied up.

import t from 'tap'
import { startNodes } from '../../support/cluster/nodes.ts'
import { createGate, isOk, ringOf, sameRing, writeKeys } from '../../support/cluster/ring-changes.ts'

t.test('a receiver that has a newer ring', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 3, { replicas: 1, members: 2, wrap: gate.wrap })
  const [a, b, c] = nodes
  await writeKeys(t, a, 40)
  const before = await ringOf(a)
  const tidy = async () =>
    (
      await c.ask('/internal/tidy', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ring: before })
      })
    ).json()
  t.same(await tidy(), { tidy: true })
  gate.close()
  const adding = b.ask(`/add_node/2000/${c.address}`)
  await gate.held()
  const late = await tidy()
  t.match(late, { tidy: false, ring: { epoch: 2, pending: [c.address] } })
  gate.open()
  isOk(t, await adding, 'it ends')
  t.equal((await sameRing(t, nodes)).epoch, 3)
})
