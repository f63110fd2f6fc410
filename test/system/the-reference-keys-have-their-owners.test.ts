// The twelve reference keys of the course project's scenarios, on a ring with tokens 3000 and 8000.

import t from 'tap'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'

t.setTimeout(600_000)

/** Keys in slots 3001 to 8000 belong to the node at 8000, all others to the node at 3000. */
const OF_3000 = ['roof', 'saddle', 'mist', 'flower', 'shoes', 'ship']
const OF_8000 = ['bed', 'bathtub', 'bee', 'gate', 'finger', 'gas']

t.test('every node names the same owner, and has every pair', async t => {
  const cluster = await startCluster(t, { tokens: [3000, 8000], standbys: 1, replicas: 1 })
  const [first, second] = cluster.nodes as [TestNode, TestNode]
  for (const key of [...OF_3000, ...OF_8000]) {
    const answer = await fetch(`${second.url}/route`, {
      method: 'POST',
      body: new URLSearchParams({ key, val: `${key}1` })
    })
    t.equal(await answer.text(), 'OK')
  }
  for (const { url } of cluster.nodes) {
    for (const [keys, owner] of [
      [OF_3000, first],
      [OF_8000, second]
    ] as const) {
      for (const key of keys) {
        t.equal(await (await fetch(`${url}/route_test?key=${key}`)).text(), owner.address)
        t.equal(await (await fetch(`${url}/route?key=${key}`)).text(), `${key}1`)
        t.equal(
          await (await fetch(`${owner.url}/cache?key=${key}`)).text(),
          `${key}1`,
          'it lies with its owner'
        )
      }
    }
  }
})
