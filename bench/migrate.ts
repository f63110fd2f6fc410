// What changes of the ring take, and what clients notice of them: pairs moved from an idle node, small ones
// and large ones, and a cluster behind HAProxy at half of what it can serve while a node is added and
// removed.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { median, pacedLoad, type PacedResult } from './load.ts'
import { FORM, type Bench, type BenchNode } from './processes.ts'

const BULK_PAIRS = 2_000
const KEYS_UNDER_LOAD = 20_000

export async function migrate(bench: Bench, quick: boolean): Promise<void> {
  const rounds = quick ? 1 : 3
  const copies = [
    await copied(bench, { what: 'pairs of 100 bytes', pairs: quick ? 5_000 : 200_000, bytes: 100, rounds }),
    await copied(bench, { what: 'pairs of 10 kB', pairs: quick ? 500 : 20_000, bytes: 10_000, rounds })
  ]
  console.table(copies)
  const load = await underLoad(bench, quick)
  console.table(load.rows)
  await mkdir('bench/results', { recursive: true })
  await writeFile(
    'bench/results/migrate.json',
    `${JSON.stringify({ node: process.version, quick, copies, load }, undefined, 2)}\n`
  )
}

interface CopyCase {
  readonly what: string
  readonly pairs: number
  readonly bytes: number
  readonly rounds: number
}

/**
 * One node holds all pairs; a second one takes all but a slot of them, and leaves again, as often as there
 * are rounds.
 */
async function copied(bench: Bench, { what, pairs, bytes, rounds }: CopyCase) {
  const nodes: BenchNode[] = [await bench.member(1), await bench.member(1)]
  const [from, to] = nodes as [BenchNode, BenchNode]
  await bench.seed(nodes, [9_999], 1)
  await fill(from.address, pairs, bytes)
  const seconds: number[] = []
  const extraMb: number[][] = [[], []]
  for (let round = 0; round < rounds; round++) {
    const watch = await watchMemory(nodes)
    const beganMs = performance.now()
    await ok(`http://${from.address}/add_node/9998/${to.address}`)
    seconds.push((performance.now() - beganMs) / 1000)
    for (const [i, mb] of (await watch.stop()).entries()) extraMb[i]?.push(mb)
    await ok(`http://${from.address}/remove_node/${to.address}`)
  }
  const took = median(seconds)
  return {
    what,
    pairs,
    pairsPerSecond: Math.round(pairs / took),
    slowest: Math.round(pairs / Math.max(...seconds)),
    mbPerSecond: Math.round((pairs * bytes) / took / 1e6),
    extraMbSource: Math.round(median(extraMb[0] as number[])),
    extraMbReceiver: Math.round(median(extraMb[1] as number[]))
  }
}

async function underLoad(bench: Bench, quick: boolean) {
  const nodes = [await bench.member(1), await bench.member(1), await bench.member(1)]
  await bench.seed(nodes, [3_000, 8_000], 1)
  const target = (await bench.haproxy(nodes)).address
  await fill(target, KEYS_UNDER_LOAD, undefined)
  const saturated = await saturatedRate(target, quick ? 1 : 10)
  const rate = Math.round(saturated / 2)
  const client = pacedLoad(target, rate, KEYS_UNDER_LOAD)
  const third = (nodes[2] as BenchNode).address
  const rows: Array<PacedResult & { what: string }> = []
  const during = async (what: string, action: () => Promise<void>) => {
    await client.mark()
    await action()
    rows.push({ what, ...(await client.mark()) })
  }
  const rest = () => pause(quick ? 500 : 5_000)
  await rest()
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    await during('without a change', rest)
    await during('adding a node', () => ok(`http://${target}/add_node/5000/${third}`))
    await during('without a change', rest)
    await during('removing a node', () => ok(`http://${target}/remove_node/${third}`))
  }
  client.stop()
  if (rows.some(({ failed, wrong }) => failed + wrong > 0)) process.exitCode = 1
  return { saturated: Math.round(saturated), rate, rows }
}

/**
 * How many requests a second the cluster serves to the very client that then asks for half of them, on the
 * same cores.
 */
async function saturatedRate(target: string, seconds: number): Promise<number> {
  const client = pacedLoad(target, Infinity, KEYS_UNDER_LOAD)
  // The first second is for the client to get up to speed.
  await pause(1_000)
  await client.mark()
  await pause(seconds * 1_000)
  const { requests } = await client.mark()
  client.stop()
  return requests / seconds
}

/** Writes pairs; `bytes`: the size of a value, or values that tell their key. */
async function fill(target: string, pairs: number, bytes: number | undefined): Promise<void> {
  const each = Math.min(BULK_PAIRS, Math.floor(10_000_000 / (bytes ?? 100)))
  for (let first = 0; first < pairs; first += each) {
    const names = Array.from(
      { length: Math.min(each, pairs - first) },
      (_, i) => `bench-key-${String(first + i).padStart(10, '0')}`
    )
    const dic = JSON.stringify(
      Object.fromEntries(names.map(name => [name, bytes === undefined ? name.repeat(5) : 'v'.repeat(bytes)]))
    )
    const written = await request(`http://${target}/bulk_update_keys`, {
      method: 'POST',
      headers: FORM,
      body: `dic=${encodeURIComponent(dic)}`
    })
    const text = await written.body.text()
    if (text !== 'OK') throw new Error(`the keys could not be written: ${text.slice(0, 200)}`)
  }
}

async function ok(url: string): Promise<void> {
  const { body } = await request(url, { headersTimeout: 600_000 })
  const text = await body.text()
  if (text !== 'OK') throw new Error(`${url}: ${text}`)
}

/** Samples the resident memory of nodes; `stop` tells by how many MB each rose above where it began. */
async function watchMemory(nodes: readonly BenchNode[]): Promise<{ stop(): Promise<number[]> }> {
  const before = await Promise.all(nodes.map(residentMb))
  const highest = [...before]
  const timer = setInterval(() => {
    nodes.forEach((node, i) => {
      residentMb(node).then(
        mb => {
          highest[i] = Math.max(highest[i] as number, mb)
        },
        () => {}
      )
    })
  }, 50)
  return {
    async stop() {
      clearInterval(timer)
      return highest.map((mb, i) => mb - (before[i] as number))
    }
  }
}

/** The resident memory of a node's processes, MB, from /proc. */
async function residentMb({ pid }: BenchNode): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => ''))
    .trim()
    .split(' ')
    .filter(child => child !== '')
  const pages = await Promise.all(
    [String(pid), ...children].map(async process =>
      Number((await readFile(`/proc/${process}/statm`, 'utf8')).split(' ')[1])
    )
  )
  return (pages.reduce((sum, count) => sum + count, 0) * 4096) / 1e6
}
