// Two nodes with one replica, so that half of the keys are a hop away, behind HAProxy: round robin, and token-aware. Beside them HAProxy before two bare Fastify.

import { fill, measure, type Contender } from './contenders.ts'
import { type Bench } from './processes.ts'

export async function cluster (bench: Bench, quick: boolean): Promise<void> {
  const bare = await bench.haproxy([await bench.bare(1), await bench.bare(1)])
  const nodes = [await bench.member(1), await bench.member(1)]
  await bench.seed(nodes, [5000, 9999], 1)
  const addresses = nodes.map(({ address }) => address)
  const roundRobin = await bench.haproxy(addresses)
  const tokenAware = await bench.haproxy(addresses, true)
  await fill(roundRobin)
  const contenders = (['GET', 'POST'] as const).flatMap((method): Contender[] => {
    const reference = `HAProxy, two bare Fastify, ${method}`
    return [
      { name: reference, target: bare, method, reference },
      { name: `HAProxy, two nodes, round robin, ${method}`, target: roundRobin, method, reference },
      { name: `HAProxy, two nodes, token-aware, ${method}`, target: tokenAware, method, reference }
    ]
  })
  await measure('cluster', contenders, quick)
}
