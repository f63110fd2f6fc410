// A node that joins gets its share of the pairs, and one that leaves hands its share on, while every node
// answers for every key.

import t, { type Test } from 'tap'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'
import { checkKeys, dump, isOk, sameRing, untilEmpty, writeKeys } from '../../support/cluster/ring-changes.ts'

type Four = [TestNode, TestNode, TestNode, TestNode]

/** Goes through the story of four nodes, of which two are members at first. */
async function story(t: Test, replicas: number): Promise<void> {
  const nodes = (await startNodes(t, 4, { replicas, members: 2 })) as unknown as Four
  const [a, b, c, d] = nodes
  const keys = await writeKeys(t, a, 40)
  const step = async (node: TestNode, path: string, members: TestNode[], what: string) => {
    isOk(t, await node.ask(path), what)
    const { ring, next } = await sameRing(t, members)
    t.same([new Set(Object.values(ring)), next], [new Set(members.map(({ address }) => address)), undefined])
    await checkKeys(t, nodes, keys, what)
  }
  await step(a, `/add_node/1000/${c.address}`, [a, b, c], 'c has joined')
  await step(d, `/add_node/7000/${d.address}`, nodes, 'd has joined by itself')
  await step(b, `/add_node/7001/${c.address}`, nodes, 'c has a further token')
  for (const { storage } of nodes) t.ok((await storage.stats()).pairs > 0, 'every node has its share')
  await step(c, `/remove_node/${a.address}`, [b, c, d], 'a has left')
  await untilEmpty(a)
  t.match(await a.ask('/readyz'), { status: 200 }, 'and serves on')
  await step(a, `/remove_node/${b.address}`, [c, d], 'a, which is no member, has removed b')
  await step(c, `/remove_node/${c.address}`, [d], 'c has removed itself')
  t.equal((await dump(d)).length, keys.length)
  await step(a, `/add_node/1/${a.address}`, [a, d], 'a is back')
}

for (const replicas of [1, 2, 3]) t.test(`with ${replicas} replicas`, t => story(t, replicas))
