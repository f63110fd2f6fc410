// One node beside a bare Fastify, with one process and with two; where they are installed, nginx that reads
// Memcached by itself, and Webdis before Redis.

import { locateProgram } from '../src/programs/local/programs.ts'
import { fill, measure, type Contender } from './contenders.ts'
import { type Bench } from './processes.ts'
import { nginx, webdis } from './references.ts'

export async function node(bench: Bench, quick: boolean): Promise<void> {
  const contenders: Contender[] = []
  for (const workers of [1, 2]) {
    const bare = await bench.bare(workers)
    const target = await bench.node(workers)
    await fill(target)
    for (const method of ['GET', 'POST'] as const) {
      const reference = `bare Fastify, ${count(workers, 'process', 'processes')}, ${method}`
      contenders.push(
        { name: reference, target: bare, servers: [bare], method, reference },
        {
          name: `one node, ${count(workers, 'worker', 'workers')}, ${method}`,
          target,
          servers: [target],
          method,
          reference
        }
      )
    }
  }
  contenders.push(
    ...contenders
      .filter(({ method }) => method === 'GET')
      .slice(0, 2)
      .map(({ name, reference, ...contender }) => ({
        ...contender,
        connections: 32,
        name: `${name}, 32 connections`,
        reference: `${reference}, 32 connections`
      }))
  )
  const reference = 'bare Fastify, 2 processes, GET'
  if (locateProgram('nginx') !== undefined) {
    const target = await nginx(bench, 2)
    contenders.push({
      name: 'nginx memcached_pass, 2 processes, GET',
      target,
      servers: [target],
      method: 'GET',
      reference
    })
  }
  if (locateProgram('webdis') !== undefined && locateProgram('redis-server') !== undefined) {
    const target = await webdis(bench, 2)
    contenders.push({
      name: 'Webdis and Redis, 2 threads, GET',
      target,
      servers: [target],
      method: 'GET',
      reference
    })
  }
  await measure('node', contenders, quick)
}

const count = (number: number, one: string, more: string) => `${number} ${number === 1 ? one : more}`
