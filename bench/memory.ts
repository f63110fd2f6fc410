// What a worker and Memcached need: resident memory idle and after many requests, and the bytes that a pair
// takes beside storing it bare.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { fill, PAIRS } from './contenders.ts'
import { CONNECTIONS, load, PATH } from './load.ts'
import { type Bench } from './processes.ts'

export async function memory(bench: Bench, quick: boolean): Promise<void> {
  const { socket } = await bench.memcached()
  const bare = await storeBare(socket)
  const only = await bench.member(1)
  await bench.seed([only], [9_999], 1)
  const worker = await workerOf(only.pid)
  const idleMb = await residentMb(worker)
  await fill(only)
  const { bytes } = await statsOf(only.memcached)
  let requests = 0
  while (requests < (quick ? 1_000 : 1_000_000)) {
    requests += (
      await load({
        target: only.address,
        path: PATH,
        method: 'GET',
        seconds: quick ? 1 : 20,
        connections: CONNECTIONS,
        pace: undefined
      })
    ).requests
  }
  const row = {
    idleMb,
    requests,
    afterMb: await residentMb(worker),
    bytesOfPair: Math.round(bytes / Object.keys(PAIRS).length),
    bytesBare: Math.round(bare / Object.keys(PAIRS).length),
    overBare: Number((bytes / bare).toFixed(2))
  }
  console.table([row])
  await mkdir('bench/results', { recursive: true })
  await writeFile(
    'bench/results/memory.json',
    `${JSON.stringify({ node: process.version, quick, row }, undefined, 2)}\n`
  )
}

/** Stores the pairs as any client would; the bytes that they take. */
async function storeBare(socket: string): Promise<number> {
  const commands = Object.entries(PAIRS).map(
    ([key, value]) => `set ${key} 0 0 ${value.length} noreply\r\n${value}\r\n`
  )
  const { bytes } = await statsOf(socket, commands.join(''))
  return bytes
}

/** Sends commands that have no answer, then asks for the statistics. */
async function statsOf(socket: string, commands = ''): Promise<{ bytes: number }> {
  const connection = createConnection(socket)
  connection.write(`${commands}stats\r\n`)
  let text = ''
  for await (const chunk of connection) {
    text += chunk
    if (text.endsWith('END\r\n')) break
  }
  return { bytes: Number(/STAT bytes ([0-9]+)/.exec(text)?.[1]) }
}

/** The only worker of a primary. */
async function workerOf(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim()
  return children === '' ? pid : Number(children.split(' ')[0])
}

async function residentMb(pid: number): Promise<number> {
  return Math.round(
    Number(/VmRSS:\s+([0-9]+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  )
}
