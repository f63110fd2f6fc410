// Several nodes: what a hop costs, what replicas cost, and what HAProxy's two modes make of two nodes with
// one replica, beside HAProxy before two bare Fastify.

import { fill, measure, type Contender } from './contenders.ts'
import { type Bench, type BenchNode } from './processes.ts'

/** Tokens that part the ring evenly. */
const TOKENS = [[9_999], [4_999, 9_999], [3_333, 6_666, 9_999]]

export async function cluster(bench: Bench, quick: boolean): Promise<void> {
  const pair = await ringOf(bench, 2, 1)
  const entries = [
    { name: 'one node', nodes: await ringOf(bench, 1, 1), over: 'one node' },
    { name: 'two nodes, one entry', nodes: pair, over: 'one node' },
    {
      name: 'three nodes, one replica, one entry',
      nodes: await ringOf(bench, 3, 1),
      over: 'three nodes, one replica, one entry'
    },
    {
      name: 'three nodes, three replicas, one entry',
      nodes: await ringOf(bench, 3, 3),
      over: 'three nodes, one replica, one entry'
    }
  ].map(({ name, nodes, over }) => ({ name, target: nodes[0] as BenchNode, servers: nodes, over }))
  const bare = [await bench.bare(1), await bench.bare(1)]
  const balanced = [
    { name: 'HAProxy, two bare Fastify', target: await bench.haproxy(bare), servers: bare },
    { name: 'HAProxy, two nodes, round robin', target: await bench.haproxy(pair), servers: pair },
    { name: 'HAProxy, two nodes, token-aware', target: await bench.haproxy(pair, true), servers: pair }
  ].map(contender => ({ ...contender, over: 'HAProxy, two bare Fastify' }))
  await measure(
    'cluster',
    (['GET', 'POST'] as const).flatMap(method =>
      [...entries, ...balanced].map(({ name, over, ...contender }): Contender => ({
        ...contender,
        name: `${name}, ${method}`,
        method,
        reference: `${over}, ${method}`
      }))
    ),
    quick
  )
}

/** A cluster of that many nodes with even shares, filled. */
async function ringOf(bench: Bench, count: number, replicas: number): Promise<BenchNode[]> {
  const nodes: BenchNode[] = []
  for (let i = 0; i < count; i++) nodes.push(await bench.member(1))
  await bench.seed(nodes, TOKENS[count - 1] as number[], replicas)
  await fill(nodes[0] as BenchNode)
  return nodes
}
