// Contenders in one run: each is loaded in every round, so that what else the machine does meets all of them.

import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'undici'
import { cpuUs } from './cpu.ts'
import { CONNECTIONS, load, median, PATH } from './load.ts'
import { type Pace } from './measured.ts'
import { type Measured, type Method } from './measured.ts'
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
  /** The servers behind the target, or it alone: whose time of the processor is told. */
  readonly servers: readonly BenchNode[]
  /** 64 if undefined. */
  readonly connections?: number
}

export interface Row {
  readonly name: string
  readonly requestsPerSecond: number
  readonly lowest: number
  readonly highest: number
  /** Rate over the reference's rate of the same round: the median, the lowest, the highest. */
  readonly overReference: number
  readonly overLowest: number
  readonly overHighest: number
  readonly p99Ms: number
  /**
   * Requests per second in further rounds, in which the connections pause, and their p99: meant to be half of
   * what was reached without pauses.
   */
  readonly halfRate: number
  readonly halfP99Ms: number
  /** Time of the processor, in user and kernel mode, that the servers took for a request, microseconds. */
  readonly cpuUs: number
  /** The same of what stands beside them: their Memcached, and HAProxy where it is the target. */
  readonly besideUs: number
  readonly errors: number
}

const WARM_UP_S = 1
const KEYS = 10_000
const VALUE = 'v'.repeat(100)
const NAMES = Array.from({ length: KEYS }, (_, i) => `bench-key-${String(i).padStart(10, '0')}`)

/** What `fill` writes, for who stores it in another way. */
export const PAIRS: { readonly [key: string]: string } = Object.fromEntries(NAMES.map(name => [name, VALUE]))

/** Writes the keys, and checks that they come back. */
export async function fill({ address }: BenchNode): Promise<void> {
  const written = await request(`http://${address}/bulk_update_keys`, {
    method: 'POST',
    headers: FORM,
    body: `dic=${encodeURIComponent(JSON.stringify(PAIRS))}`
  })
  if ((await written.body.text()) !== 'OK') throw new Error('the keys could not be written')
  await check({ address })
}

/** Throws unless every hundredth key comes back as it was written. */
export async function check({ address, path = PATH }: Pick<Target, 'address' | 'path'>): Promise<void> {
  for (const name of NAMES.filter((_, i) => i % 100 === 0)) {
    const read = await request(`http://${address}${path.replace('%s', name)}`)
    if ((await read.body.text()) !== VALUE) throw new Error(`${name} came back wrong`)
  }
}

/** Throws unless a batch of gets brings the values. */
async function checkBatch({ address }: BenchNode): Promise<void> {
  const operations = NAMES.slice(0, 100).map(key => ({ op: 'get', key }))
  const { body } = await request(`http://${address}/kv/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ operations })
  })
  const { results } = (await body.json()) as { results: ReadonlyArray<{ value?: string }> }
  if (results.length !== operations.length || results.some(({ value }) => value !== VALUE)) {
    throw new Error(`a batch at ${address} came back wrong`)
  }
}

/**
 * Whatever was measured: what is stored is what was written. A bare server stores nothing, and answers the
 * same.
 */
async function checkAll(contenders: readonly Contender[]): Promise<void> {
  for (const { target, method } of contenders) await (method === 'BATCH' ? checkBatch(target) : check(target))
}

interface Round extends Measured {
  readonly cpuUs: number
  readonly besideUs: number
}

/** One round, at up to `rate` requests per second: the connections pause for as long as leaves that. */
async function loadOnce(
  { target, method, servers, connections = CONNECTIONS }: Contender,
  seconds: number,
  rate?: number
): Promise<Round> {
  const run = (seconds: number, pace?: Pace) =>
    load({ target: target.address, path: target.path ?? PATH, method, seconds, connections, pace })
  const everyMs = rate === undefined ? 0 : (connections / rate) * 1000
  const paceOf = (pauseMs: number) => (rate === undefined ? undefined : { requestsPerSecond: rate, pauseMs })
  let pauseMs = everyMs
  if (seconds > WARM_UP_S) {
    // The others had the machine meanwhile: what a server does first after a rest is not what it goes on
    // doing. And it tells how long a request itself takes.
    const { requestsPerSecond } = await run(WARM_UP_S, paceOf(everyMs))
    pauseMs = Math.max(0, 2 * everyMs - (connections / requestsPerSecond) * 1000)
  }
  const beside = servers.flatMap(({ store = [] }) => store).concat(servers.includes(target) ? [] : target.pid)
  const used = () =>
    Promise.all(
      [servers.map(({ pid }) => pid), beside].map(async pids =>
        (await Promise.all(pids.map(cpuUs))).reduce((sum, us) => sum + us, 0)
      )
    )
  const before = (await used()) as [number, number]
  const measured = await run(seconds, paceOf(pauseMs))
  const after = (await used()) as [number, number]
  return {
    ...measured,
    cpuUs: (after[0] - before[0]) / measured.requests,
    besideUs: (after[1] - before[1]) / measured.requests
  }
}

/**
 * Loads all by turns; prints a table and writes it to `bench/results`, every round with it. Throws if one of
 * them answered wrongly.
 */
export async function measure(
  suite: string,
  contenders: readonly Contender[],
  quick: boolean
): Promise<void> {
  const [rounds, seconds] = quick ? [1, 1] : [5, 5]
  const allRounds = async (rateOf: (contender: Contender) => number | undefined) => {
    const byName = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const contender of contenders) {
        byName.get(contender.name)?.push(await loadOnce(contender, seconds, rateOf(contender)))
      }
    }
    return (name: string): Round[] => byName.get(name) as Round[]
  }
  await checkAll(contenders)
  const full = await allRounds(() => undefined)
  const half = await allRounds(({ name }) => median(full(name).map(rateOf)) / 2)
  await checkAll(contenders)
  const rows = contenders.map(({ name, reference }) => rowOf(name, full(name), half(name), full(reference)))
  console.table(rows)
  await mkdir('bench/results', { recursive: true })
  const every = Object.fromEntries(
    contenders.map(({ name }) => [name, { full: full(name), half: half(name) }])
  )
  const told = { node: process.version, rounds, seconds, connections: CONNECTIONS, rows, every }
  await writeFile(`bench/results/${suite}.json`, `${JSON.stringify(told, undefined, 2)}\n`)
  const failing = rows.filter(row => row.errors > 0 || row.requestsPerSecond === 0)
  if (failing.length > 0) throw new Error(`wrong answers: ${failing.map(row => row.name).join('; ')}`)
}

const rateOf = ({ requestsPerSecond }: Round) => requestsPerSecond

function rowOf(
  name: string,
  full: readonly Round[],
  half: readonly Round[],
  reference: readonly Round[]
): Row {
  const rates = full.map(rateOf)
  const over = rates.map((rate, round) => rate / rateOf(reference[round] as Round))
  return {
    name,
    requestsPerSecond: Math.round(median(rates)),
    lowest: Math.round(Math.min(...rates)),
    highest: Math.round(Math.max(...rates)),
    overReference: Number(median(over).toFixed(2)),
    overLowest: Number(Math.min(...over).toFixed(2)),
    overHighest: Number(Math.max(...over).toFixed(2)),
    p99Ms: Number(median(full.map(round => round.p99Ms)).toFixed(1)),
    halfRate: Math.round(median(half.map(rateOf))),
    halfP99Ms: Number(median(half.map(round => round.p99Ms)).toFixed(1)),
    cpuUs: Math.round(median(full.map(round => round.cpuUs))),
    besideUs: Math.round(median(full.map(round => round.besideUs))),
    errors: [...full, ...half].reduce((sum, round) => sum + round.errors, 0)
  }
}
