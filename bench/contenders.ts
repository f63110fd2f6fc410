// Contenders in one run: each is loaded in every round, so that what else the machine does meets all of them.

import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'undici'
import { cpuUs } from './cpu.ts'
import { CONNECTIONS, load, median, PATH, type Measured, type Method } from './load.ts'
import { FORM, type BenchNode } from './processes.ts'

export interface Target extends BenchNode {
  /** Where it has the value of a key, `%s`; the product's `/route` if undefined. */
  readonly path?: string
}

export interface Contender {
  readonly name: string
  readonly target: Target
  readonly method: Method
  /** The name of the one that it is compared with. */
  readonly reference: string
  /** Of what the time of the processor is told: the servers that the target asks, and, unless it is one of them, the target. */
  readonly servers: readonly BenchNode[]
  /** 64 if undefined. */
  readonly connections?: number
}

export interface Row {
  readonly name: string
  readonly requestsPerSecond: number
  readonly lowest: number
  readonly highest: number
  /** Median over the reference's median. */
  readonly overReference: number
  readonly p99Ms: number
  /** Requests per second in further rounds, in which the connections pause, and their p99: meant to be half of what was reached without pauses. */
  readonly halfRate: number
  readonly halfP99Ms: number
  /** Time of the processor, in user and kernel mode, that the servers took for a request, microseconds. */
  readonly cpuUs: number
  readonly errors: number
}

const WARM_UP_S = 1
const KEYS = 10_000
const VALUE = 'v'.repeat(100)
const NAMES = Array.from({ length: KEYS }, (_, i) => `bench-key-${String(i).padStart(10, '0')}`)

/** What `fill` writes, for who stores it in another way. */
export const PAIRS: { readonly [key: string]: string } = Object.fromEntries(NAMES.map(name => [name, VALUE]))

/** Writes the keys, and checks that they come back. */
export async function fill ({ address }: BenchNode): Promise<void> {
  const written = await request(`http://${address}/bulk_update_keys`, { method: 'POST', headers: FORM, body: `dic=${encodeURIComponent(JSON.stringify(PAIRS))}` })
  if (await written.body.text() !== 'OK') throw new Error('the keys could not be written')
  await check({ address })
}

/** Throws unless every hundredth key comes back as it was written. */
export async function check ({ address, path = PATH }: Pick<Target, 'address' | 'path'>): Promise<void> {
  for (const name of NAMES.filter((_, i) => i % 100 === 0)) {
    const read = await request(`http://${address}${path.replace('%s', name)}`)
    if (await read.body.text() !== VALUE) throw new Error(`${name} came back wrong`)
  }
}

interface Round extends Measured { readonly cpuUs: number }

/** One round; `pauseMs` is the mean pause of a connection between an answer and the next request. */
async function loadOnce ({ target, method, servers, connections = CONNECTIONS }: Contender, seconds: number, pauseMs = 0): Promise<Round> {
  // The others had the machine meanwhile: what a server does first after a rest is not what it goes on doing.
  if (seconds > WARM_UP_S) await load({ target: target.address, path: target.path, method, seconds: WARM_UP_S, connections, pauseMs })
  const used = async () => (await Promise.all(servers.map(({ pid }) => cpuUs(pid)))).reduce((sum, us) => sum + us, 0)
  const before = await used()
  const measured = await load({ target: target.address, path: target.path, method, seconds, connections, pauseMs })
  return { ...measured, cpuUs: (await used() - before) / measured.requests }
}

/** The mean pause with which a contender's connections send half of what they can. */
function pauseForHalf ({ connections = CONNECTIONS }: Contender, rounds: readonly Round[]): number {
  const rate = median(rounds.map(({ requestsPerSecond }) => requestsPerSecond)) / 2
  return connections / rate * 1000
}

/** Loads all by turns; prints a table and writes it to `bench/results`. Throws if one of them answered wrongly. */
export async function measure (suite: string, contenders: readonly Contender[], quick: boolean): Promise<void> {
  const [rounds, seconds] = quick ? [1, 1] : [5, 5]
  const measured = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) measured.get(contender.name)?.push(await loadOnce(contender, seconds))
  }
  const half = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) half.get(contender.name)?.push(await loadOnce(contender, seconds, pauseForHalf(contender, measured.get(contender.name) as Round[])))
  }
  const ratesOf = (name: string): number[] => (measured.get(name) ?? []).map(round => round.requestsPerSecond)
  const rows = contenders.map(({ name, reference }): Row => {
    const [all, paced] = [measured.get(name) as Round[], half.get(name) as Round[]]
    const rates = ratesOf(name)
    return {
      name,
      requestsPerSecond: Math.round(median(rates)),
      lowest: Math.round(Math.min(...rates)),
      highest: Math.round(Math.max(...rates)),
      overReference: Number((median(rates) / median(ratesOf(reference))).toFixed(2)),
      p99Ms: Number(median(all.map(round => round.p99Ms)).toFixed(1)),
      halfRate: Math.round(median(paced.map(round => round.requestsPerSecond))),
      halfP99Ms: Number(median(paced.map(round => round.p99Ms)).toFixed(1)),
      cpuUs: Math.round(median(all.map(round => round.cpuUs))),
      errors: [...all, ...paced].reduce((sum, round) => sum + round.errors, 0)
    }
  })
  console.table(rows)
  await mkdir('bench/results', { recursive: true })
  await writeFile(`bench/results/${suite}.json`, `${JSON.stringify({ node: process.version, rounds, seconds, connections: CONNECTIONS, rows }, undefined, 2)}\n`)
  const failing = rows.filter(row => row.errors > 0 || row.requestsPerSecond === 0)
  if (failing.length > 0) throw new Error(`wrong answers: ${failing.map(row => row.name).join('; ')}`)
}
