// One node beside a bare Fastify, with one process and with two, and, where it is installed, beside nginx that reads the same Memcached's pairs itself.

import { createConnection } from 'node:net'
import { once } from 'node:events'
import { locateProgram } from '../src/local/programs.ts'
import { check, fill, measure, PAIRS, type Contender } from './contenders.ts'
import { type Bench, type BenchNode } from './processes.ts'

export async function node (bench: Bench, quick: boolean): Promise<void> {
  const contenders: Contender[] = []
  for (const workers of [1, 2]) {
    const bare = await bench.bare(workers)
    const target = await bench.node(workers)
    await fill(target)
    for (const method of ['GET', 'POST'] as const) {
      const reference = `bare Fastify, ${count(workers, 'process', 'processes')}, ${method}`
      contenders.push({ name: reference, target: bare, servers: [bare], method, reference }, { name: `one node, ${count(workers, 'worker', 'workers')}, ${method}`, target, servers: [target], method, reference })
    }
  }
  if (locateProgram('nginx') !== undefined) {
    const target = await nginx(bench)
    contenders.push({ name: 'nginx memcached_pass, 2 processes, GET', target, servers: [target], method: 'GET', reference: 'bare Fastify, 2 processes, GET' })
  }
  await measure('node', contenders, quick)
}

const count = (number: number, one: string, more: string) => `${number} ${number === 1 ? one : more}`

/** nginx with two processes before a Memcached that holds the bare pairs. */
async function nginx (bench: Bench): Promise<BenchNode> {
  const { socket } = await bench.memcached()
  const target = await bench.nginx(socket, 2)
  const memcached = createConnection(socket)
  for (const [key, value] of Object.entries(PAIRS)) memcached.write(`set ${key} 0 0 ${value.length} noreply\r\n${value}\r\n`)
  memcached.end('version\r\n')
  memcached.resume()
  await once(memcached, 'close')
  await check(target.address)
  return target
}
