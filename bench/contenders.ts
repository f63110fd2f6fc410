// Contenders in one run: each is loaded in every round, so that what else the machine does meets all of them.

import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'undici'
import { load, median, type Measured } from './load.ts'
import { FORM } from './processes.ts'

export interface Contender {
  readonly name: string
  /** `host:port`. */
  readonly target: string
  readonly method: 'GET' | 'POST'
  /** The name of the one that it is compared with. */
  readonly reference: string
}

const KEYS = 10_000
const VALUE = 'v'.repeat(100)

/** Writes the keys, and checks that they come back. */
export async function fill (target: string): Promise<void> {
  const names = Array.from({ length: KEYS }, (_, i) => `bench-key-${String(i).padStart(10, '0')}`)
  const dic = JSON.stringify(Object.fromEntries(names.map(name => [name, VALUE])))
  const written = await request(`http://${target}/bulk_update_keys`, { method: 'POST', headers: FORM, body: `dic=${encodeURIComponent(dic)}` })
  if (await written.body.text() !== 'OK') throw new Error('the keys could not be written')
  for (const name of names.filter((_, i) => i % 100 === 0)) {
    const read = await request(`http://${target}/route?key=${name}`)
    if (await read.body.text() !== VALUE) throw new Error(`${name} came back wrong`)
  }
}

/** Loads all by turns; prints a table and writes it to `bench/results`. Throws if one of them answered wrongly. */
export async function measure (suite: string, contenders: readonly Contender[], quick: boolean): Promise<void> {
  const [rounds, seconds] = quick ? [1, 1] : [5, 5]
  const measured = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const { name, target, method } of contenders) measured.get(name)?.push(await load(target, method, seconds))
  }
  const ratesOf = (name: string): number[] => (measured.get(name) ?? []).map(round => round.requestsPerSecond)
  const rows = contenders.map(({ name, reference }) => {
    const all = measured.get(name) as Measured[]
    const rates = ratesOf(name)
    return {
      name,
      requestsPerSecond: Math.round(median(rates)),
      lowest: Math.round(Math.min(...rates)),
      highest: Math.round(Math.max(...rates)),
      overReference: Number((median(rates) / median(ratesOf(reference))).toFixed(2)),
      p99Ms: Number(median(all.map(round => round.p99Ms)).toFixed(1)),
      errors: all.reduce((sum, round) => sum + round.errors, 0)
    }
  })
  console.table(rows)
  await mkdir('bench/results', { recursive: true })
  await writeFile(`bench/results/${suite}.json`, `${JSON.stringify({ node: process.version, rounds, seconds, connections: 64, rows }, undefined, 2)}\n`)
  const failing = rows.filter(row => row.errors > 0 || row.requestsPerSecond === 0)
  if (failing.length > 0) throw new Error(`wrong answers: ${failing.map(row => row.name).join('; ')}`)
}
