// `npm run bench`: one node beside a bare Fastify, in one run, round by round, so that what else the machine does meets both; with `migrate`
// what changes of the ring take, and what clients notice of them. `--quick` runs a short round of each and checks the answers; its figures mean nothing.

import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'undici'
import { load, median, type Measured } from './load.ts'
import { migrate } from './migrate.ts'
import { createBench, FORM, type Bench } from './processes.ts'

interface Contender { readonly name: string, readonly target: string, readonly method: 'GET' | 'POST', readonly rounds: Measured[] }

const KEYS = 10_000
const VALUE = 'v'.repeat(100)

const [unknown] = process.argv.slice(2).filter(arg => arg !== '--quick' && arg !== 'migrate')
if (unknown !== undefined) {
  process.stderr.write(`bench: unknown argument ${unknown}; there are migrate and --quick\n`)
  process.exit(1)
}
const quick = process.argv.includes('--quick')
const rounds = quick ? 1 : 5
const seconds = quick ? 1 : 5

const bench = await createBench()
try {
  if (process.argv.includes('migrate')) await migrate(bench, quick)
  else await serve(bench)
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  await bench.stop()
}

async function serve (bench: Bench): Promise<void> {
  const contenders = await line(bench)
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) contender.rounds.push(await load(contender.target, contender.method, seconds))
  }
  await report(contenders)
}

/** Starts every contender and fills those that store. */
async function line (bench: Bench): Promise<Contender[]> {
  const contenders: Contender[] = []
  for (const workers of [1, 2]) {
    const bare = await bench.bare(workers)
    const node = await bench.node(workers)
    await fill(node)
    for (const method of ['GET', 'POST'] as const) {
      contenders.push({ name: `bare Fastify, ${workers} process(es), ${method}`, target: bare, method, rounds: [] })
      contenders.push({ name: `one node, ${workers} worker(s), ${method}`, target: node, method, rounds: [] })
    }
  }
  return contenders
}

/** Writes the keys, and checks that the node gives them back. */
async function fill (target: string): Promise<void> {
  const names = Array.from({ length: KEYS }, (_, i) => `bench-key-${String(i).padStart(10, '0')}`)
  const dic = JSON.stringify(Object.fromEntries(names.map(name => [name, VALUE])))
  const written = await request(`http://${target}/bulk_update_keys`, { method: 'POST', headers: FORM, body: `dic=${encodeURIComponent(dic)}` })
  if (await written.body.text() !== 'OK') throw new Error('the keys could not be written')
  for (const name of names.filter((_, i) => i % 100 === 0)) {
    const read = await request(`http://${target}/route?key=${name}`)
    if (await read.body.text() !== VALUE) throw new Error(`${name} came back wrong`)
  }
}

async function report (contenders: readonly Contender[]): Promise<void> {
  const rows = contenders.map(({ name, rounds }, i) => {
    const rates = rounds.map(round => round.requestsPerSecond)
    const reference = contenders[i - i % 2]?.rounds.map(round => round.requestsPerSecond) ?? []
    return {
      name,
      requestsPerSecond: Math.round(median(rates)),
      lowest: Math.round(Math.min(...rates)),
      highest: Math.round(Math.max(...rates)),
      overBare: Number((median(rates) / median(reference)).toFixed(2)),
      p99Ms: Number(median(rounds.map(round => round.p99Ms)).toFixed(1)),
      errors: rounds.reduce((sum, round) => sum + round.errors, 0)
    }
  })
  console.table(rows)
  await mkdir('bench/results', { recursive: true })
  await writeFile('bench/results/node.json', `${JSON.stringify({ node: process.version, rounds, seconds, connections: 64, rows }, undefined, 2)}\n`)
  const failing = rows.filter(row => row.errors > 0 || row.requestsPerSecond === 0)
  if (failing.length > 0) throw new Error(`wrong answers: ${failing.map(row => row.name).join('; ')}`)
}
