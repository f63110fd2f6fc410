// A hundred gets in one `/kv/batch` beside a hundred requests, at one node and at one of two.

import { fill, measure, type Contender } from './contenders.ts'
import { type Bench, type BenchNode } from './processes.ts'

export async function batch(bench: Bench, quick: boolean): Promise<void> {
  const one = await bench.node(1)
  const pair = [await bench.member(1), await bench.member(1)]
  await bench.seed(pair, [4_999, 9_999], 1)
  const contenders: Contender[] = []
  for (const [name, servers] of [
    ['one node', [one]],
    ['two nodes, one entry', pair]
  ] as const) {
    const target = servers[0] as BenchNode
    await fill(target)
    const reference = `${name}, GET`
    contenders.push(
      { name: reference, target, servers, method: 'GET', reference },
      { name: `${name}, 100 gets in a batch`, target, servers, method: 'BATCH', reference }
    )
  }
  await measure('batch', contenders, quick)
}
