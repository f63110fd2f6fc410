// What the simulated network and nodes do by chance, and what clients are left with.

import { type SimulatedNode, type Weather } from './simulated-network.ts'
import { type World, JUMP_MS, pick } from './simulation.ts'

/** How long the faults go on; most clients are done by then. */
export const STORM_MS = 1_500

export function drawWeather(chance: () => number): Weather {
  const often = pick(chance, [0, 0.02, 0.1])
  return {
    delayMs: pick(chance, [10, 90]),
    stragglers: pick(chance, [0, 0.2, 0.5]),
    stragglerMs: pick(chance, [100, 180]),
    deadlineMs: pick(chance, [100, 200]),
    lost: often * chance(),
    repeated: often * chance(),
    overloaded: (often * chance()) / 2,
    full: (often * chance()) / 2,
    fenced: pick(chance, [0, 0, 0.1]) * chance()
  }
}

/** Plans the faults of a run: each strikes at some time, goes on for a while and ends. */
export function brew({ time, chance, nodes, skewsMs, counts }: World): void {
  const faults: Array<(lastsMs: number) => () => void> = [
    () => {
      for (const node of nodes) node.group = Math.floor(chance() * 2)
      return () => {
        for (const node of nodes) node.group = 0
      }
    },
    () => strike(pick(chance, nodes), 'crashed'),
    () => strike(pick(chance, nodes), 'recovering'),
    lastsMs => {
      pick(chance, nodes).stillUntilMs = time.nowMs + lastsMs
      return () => {}
    },
    () => {
      const node = Math.floor(chance() * nodes.length)
      skewsMs[node] = counts.hoursApart ? (skewsMs[node] as number) : (chance() - 0.5) * 2 * JUMP_MS
      return () => {}
    },
    () => {
      const full = nodes.filter(() => chance() < 0.7)
      for (const node of full) node.full = true
      return chance() < 0.5
        ? () => {}
        : () => {
            for (const node of full) node.full = false
          }
    }
  ]
  for (let left = Math.floor(chance() * 6); left > 0; left--) {
    time.after(chance() * STORM_MS, () => {
      const lastsMs = chance() * 400
      time.after(lastsMs, pick(chance, faults)(lastsMs))
    })
  }
}

export function strike(node: SimulatedNode, what: 'crashed' | 'recovering'): () => void {
  node[what] = true
  return () => {
    node[what] = false
  }
}
