// Real nodes with several workers, seeded with one generation and no replicas, whose environments differ:
// every worker of every node says that it is not ready, whichever a connection comes to, and a worker that
// takes the place of another says so too.

import t from 'tap'
import { startNode, type TestNode } from '../support/cluster/cluster.ts'
import { until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'
import { watchDigests } from '../support/checker/ring-digests.ts'

const CONNECTIONS = 12

const codeOf = async (node: TestNode): Promise<string | undefined> => {
  const answer = await fetch(`${node.url}/readyz`, { headers: { connection: 'close' } })
  return ((await answer.json()) as { code?: string }).code
}

/** Each connection comes to any of the workers. */
async function everyWorkerSays(node: TestNode, code: string | undefined): Promise<boolean> {
  const codes = await Promise.all(Array.from({ length: CONNECTIONS }, () => codeOf(node)))
  return codes.every(told => told === code)
}

t.test('REPLICAS 1, 3, 3', async t => {
  if (!needs(t, 'memcached')) return
  const nodes: TestNode[] = []
  for (const REPLICAS of ['1', '3', '3']) {
    nodes.push(await startNode(t, { storage: 'memcached', env: { WORKERS: '2', REPLICAS } }))
  }
  const members = nodes.map(({ address }, i) => ({ ip: address, key: 3000 * (i + 1) }))
  const seed = async (fields: object) => {
    const body = new URLSearchParams({ data: JSON.stringify({ nodes: members, ...fields }) })
    for (const node of nodes) {
      await until(
        `${node.address} takes the ring`,
        async () =>
          (await fetch(`${node.url}/hash_ring`, { method: 'POST', body }).catch(() => undefined))?.ok === true
      )
    }
  }
  await seed({ generation: 7 })
  const watch = watchDigests(nodes.map(({ url }) => url))
  t.teardown(watch.end)
  for (const node of nodes) {
    await until(`every worker of ${node.address} says so`, () => everyWorkerSays(node, 'KV_ERR_RING_SPLIT'))
  }
  await until('it is seen from outside', () => watch.splits.length > 0)
  t.match(watch.splits[0], /^ring 7\/1 is /)
  const [first] = nodes as [TestNode]
  process.kill(first.workers()[0] as number, 'SIGKILL')
  await until(
    'its successor says so',
    async () => first.workers().length === 2 && (await everyWorkerSays(first, 'KV_ERR_RING_SPLIT'))
  )
  await seed({ generation: 8, replicas: 3 })
  for (const node of nodes) await until(`${node.address} is ready`, () => everyWorkerSays(node, undefined))
})
