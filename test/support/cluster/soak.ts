// A cluster under checked load, whose nodes are removed and added again all the while. Nothing of it may be
// noticed: no request fails, no answer contradicts another, and what was written before is there at the end,
// through every node.

import { brokenBulk, scarceBulk, writeBulk, type BulkOptions } from './bulk.ts'
import { startCluster, type TestNode } from './cluster.ts'
import { type Ending } from './ending.ts'
import { startHaproxy } from './haproxy.ts'
import { createChance } from '../checker/history.ts'
import { startLoad, type LoadResult } from './load.ts'
import { watchDigests } from '../checker/ring-digests.ts'
import { askChange, untilAgreed } from './ring-requests.ts'

export interface SoakOptions {
  readonly seed: number
  readonly replicas: number
  readonly bulk: BulkOptions
  /** Asked before each removal, with the number of changes so far and the time since the first. */
  readonly goOn: (changes: number, elapsedMs: number) => boolean
  /** Told of what happens, a line each. */
  readonly tell: (line: string) => void
}

export interface SoakResult extends LoadResult {
  /** How many pairs came back through each node, in the order of the nodes; all of them must. */
  readonly intact: readonly number[]
  /** The pairs that fewer of their replicas hold than a quorum; must be empty. */
  readonly scarce: readonly string[]
  /** The ring numbers that processes had different rings of; must be empty. */
  readonly splits: readonly string[]
  /** How many rings were seen. */
  readonly rings: number
  readonly changes: number
}

const TOKENS = [1000, 3500, 6000, 8500]

export async function soak(ending: Ending, options: SoakOptions): Promise<SoakResult> {
  const { replicas, bulk, tell } = options
  const cluster = await startCluster(ending, {
    tokens: TOKENS,
    replicas,
    storage: 'memcached',
    memcached: { socket: true, flags: ['-m', '256'] },
    env: { WORKERS: '2' }
  })
  // The configuration has three servers; the fourth node is spoken to directly.
  const balancer = await startHaproxy(
    ending,
    cluster.nodes.slice(0, 3).map(({ address }) => address)
  )
  await writeBulk(balancer.url, bulk)
  tell(`${bulk.pairs} pairs are written`)
  const load = startLoad(
    [balancer.url, balancer.url, balancer.url, (cluster.nodes[3] as TestNode).url],
    options
  )
  const watch = watchDigests(cluster.nodes.map(({ url }) => url))
  try {
    const changes = await changeAgainAndAgain(cluster.nodes, options)
    const result = await load.end()
    const scarce = await scarceBulk(cluster.nodes, await untilAgreed(cluster.nodes), bulk)
    const intact: number[] = []
    for (const node of cluster.nodes) {
      const broken = await brokenBulk(node.url, bulk)
      for (const pair of broken.slice(0, 5)) tell(`${node.address} has lost ${pair}`)
      intact.push(bulk.pairs - broken.length)
    }
    await watch.end()
    return { ...result, scarce, intact, changes, splits: watch.splits, rings: watch.rings }
  } catch (error) {
    for (const node of cluster.nodes) tell(`${node.address}:\n${node.output().slice(-3_000)}`)
    throw error
  } finally {
    await watch.end()
  }
}

/**
 * Removes one node after the other and adds it again, at the same token or at another. Returns the number of
 * changes.
 */
async function changeAgainAndAgain(
  nodes: readonly TestNode[],
  { seed, goOn, tell }: SoakOptions
): Promise<number> {
  const chance = createChance(seed)
  const oneOf = <T>(list: readonly T[]): T => list[Math.floor(chance() * list.length)] as T
  let changes = 0

  async function change(path: string): Promise<void> {
    const through = oneOf(nodes)
    const beganMs = performance.now()
    const { status, text } = await askChange(through, path)
    tell(`${path} through ${through.address}: ${status} after ${Math.round(performance.now() - beganMs)} ms`)
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`)
    changes++
  }

  const away: TestNode[] = []
  const startMs = performance.now()
  while (goOn(changes, performance.now() - startMs)) {
    const node = oneOf(nodes.filter(node => !away.includes(node)))
    await change(`/remove_node/${node.address}`)
    away.push(node)
    // Sometimes two are away at a time.
    if (away.length < 2 && chance() < 0.25) continue
    for (let back = away.shift(); back !== undefined; back = away.shift()) {
      const token =
        chance() < 0.5 ? (TOKENS[nodes.indexOf(back)] as number) : Math.floor(chance() * 9_000) + 500
      await change(`/add_node/${token}/${back.address}`)
    }
  }
  for (const node of away) await change(`/add_node/${TOKENS[nodes.indexOf(node)]}/${node.address}`)
  return changes
}
