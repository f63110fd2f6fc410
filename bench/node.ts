// One node beside a bare Fastify, with one process and with two.

import { fill, measure, type Contender } from './contenders.ts'
import { type Bench } from './processes.ts'

export async function node (bench: Bench, quick: boolean): Promise<void> {
  const contenders: Contender[] = []
  for (const workers of [1, 2]) {
    const bare = await bench.bare(workers)
    const target = await bench.node(workers)
    await fill(target)
    for (const method of ['GET', 'POST'] as const) {
      const reference = `bare Fastify, ${workers} process(es), ${method}`
      contenders.push({ name: reference, target: bare, method, reference }, { name: `one node, ${workers} worker(s), ${method}`, target, method, reference })
    }
  }
  await measure('node', contenders, quick)
}
