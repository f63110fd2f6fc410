// A source whose ring becomes another one while it gives its pairs may have purged some that it has not read
// yet. Its answer then breaks off: an end would say that this was all. Interleaving: a receiver that missed
// the change reads slot 1 from a source; the change moves slot 2 away and the source purges it; the receiver
// reads nothing in slot 2, and would count as a replica that has everything.

import t from 'tap'
import { createPairDecoder } from '../../../src/core/messages/pair-stream.ts'
import { ringFromJson } from '../../../src/core/ring/ring-json.ts'
import { startNodes } from '../../support/cluster/nodes.ts'
import { createGate, ringOf, writeKeys } from '../../support/cluster/ring-changes.ts'

t.test('another ring, and the same one renewed', async t => {
  const gate = createGate()
  const [a, b] = await startNodes(t, 2, { replicas: 2, wrap: gate.wrap })
  await writeKeys(t, a, 20)
  const ring = await ringOf(a)
  const pull = async () => {
    const body = JSON.stringify({ ring, ranges: [[0, 9999]] })
    const decoder = createPairDecoder()
    decoder.push(
      (
        await a.ask('/internal/pull', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body
        })
      ).body
    )
    return decoder.finish()
  }
  const install = (more: object) => a.keeper.install(ringFromJson({ ...ring, ...more }))
  t.match(await pull(), { pairs: 20, remembers: true })
  gate.close()
  const first = pull()
  await gate.held()
  await install({ epoch: 2 })
  gate.open()
  t.match(await first, { pairs: 20, remembers: true }, 'the same ring under another number')
  gate.close()
  const second = pull()
  await gate.held()
  await install({ epoch: 3, ring: { 9999: b.address }, _sorted_keys: [9999] })
  gate.open()
  await t.rejects(second, 'it breaks off')
})

t.test('another ring, and then the same tokens again', async t => {
  const gate = createGate()
  const [a, b] = await startNodes(t, 2, { replicas: 2, wrap: gate.wrap })
  await writeKeys(t, a, 20)
  const ring = await ringOf(a)
  const asked = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ring, ranges: [[0, 9999]] })
  }
  gate.close(0)
  const answer = a.ask('/internal/pull', asked)
  await gate.held()
  // With two nodes and two replicas nothing moves, so each change is over at once.
  t.equal((await a.ask(`/add_node/1234/${b.address}`)).status, 200)
  t.equal(
    (await a.ask('/update_ring', { method: 'POST', body: { ip: b.address, key: '1234', task: 'remove' } }))
      .status,
    200
  )
  t.match(await ringOf(a), { epoch: 3, ring: ring.ring })
  gate.open()
  await t.rejects(answer, 'what was purged in between may be missing, so it breaks off')
})
