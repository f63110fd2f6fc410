// While a node is down, a change that it has to receive nothing in is carried out; one that needs it is
// refused, and nothing has happened. When it comes back it finds the ring that there is then.

import t from 'tap'
import { type TestNode } from '../support/cluster/cluster.ts'
import { FAULTS_MS, ROUNDS, startStage } from '../support/cluster/ring-faults.ts'
import { askChange, ringOf } from '../support/cluster/ring-requests.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(FAULTS_MS)

for (let round = 0; round < ROUNDS; round++) {
  t.test('three replicas', async t => {
    if (!needs(t, 'memcached')) return
    const stage = await startStage(t, 3)
    const [first, , third, fourth] = stage.cluster.nodes as [TestNode, TestNode, TestNode, TestNode]

    await third.kill()
    t.match(
      await askChange(first, `/add_node/8500/${fourth.address}`),
      { status: 200, text: 'OK' },
      'another node joins'
    )
    const joined = await ringOf(first)
    const refused = await askChange(first, `/remove_node/${fourth.address}`)
    t.equal(refused.status, 503)
    t.match(
      JSON.parse(refused.text),
      { code: 'KV_ERR_NODE_NOT_READY', message: new RegExp(third.address) },
      'it would have to receive'
    )
    t.same(await ringOf(first), joined)
    await third.start()
    t.same((await stage.settled(t)).ring, joined?.ring)

    await third.kill()
    t.match(
      await askChange(first, `/remove_node/${third.address}`),
      { status: 200, text: 'OK' },
      'the node itself leaves, as the others have all that it had'
    )
    await third.start()
    await stage.settled(t)
    t.match(
      await askChange(third, `/add_node/6000/${third.address}`),
      { status: 200, text: 'OK' },
      'and is back'
    )
    await stage.settled(t)
    await stage.finish(t)
  })

  t.test('one replica', async t => {
    if (!needs(t, 'memcached')) return
    const stage = await startStage(t, 1)
    const [first, , third, fourth] = stage.cluster.nodes as [TestNode, TestNode, TestNode, TestNode]
    await third.kill()
    t.match(
      await askChange(first, `/add_node/8500/${fourth.address}`),
      { status: 200, text: 'OK' },
      'another node joins, with slots that the dead one has nothing of'
    )
    await third.start()
    await stage.settled(t)
    await stage.finish(t)
  })
}
