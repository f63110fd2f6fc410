// Checked load: clients that write, read and delete a few keys, whose answers must not contradict one
// another, and others that read pairs which are known.

import { bulkKey, bulkValue, type BulkOptions } from './bulk.ts'
import { get, perform } from './client.ts'
import {
  createChance,
  createHistory,
  describeViolation,
  runClients,
  type Call,
  type Outcome
} from '../checker/history.ts'

export interface LoadOptions {
  readonly seed: number
  readonly bulk: BulkOptions
  /** Told of what happens, a line each. */
  readonly tell: (line: string) => void
}

export interface LoadResult {
  readonly requests: number
  /** What was refused or cut off, with the moment; must be empty. */
  readonly failures: readonly string[]
  /** Must be empty. */
  readonly violations: readonly string[]
  readonly longestPauseMs: number
  /** The 99th percentile of the time that a request took. */
  readonly p99Ms: number
}

export interface Load {
  end(): Promise<LoadResult>
}

const HOT_KEYS = Array.from({ length: 24 }, (_, i) => `hot-${i}`)
/** Clients that write, each one call at a time. */
export const WRITERS = 8
const READERS = 4

/**
 * Clients at all doors (`http://host:port` of nodes or balancers) that go on until `end`. The pairs of `bulk`
 * are there already.
 */
export function startLoad(doors: readonly string[], { seed, bulk, tell }: LoadOptions): Load {
  const history = createHistory()
  const failures: string[] = []
  const times: number[] = []
  const beganMs = performance.now()
  const state = { stopped: false }

  function failed(what: string): void {
    const line = `${((performance.now() - beganMs) / 1000).toFixed(3)} s: ${what}`
    failures.push(line)
    if (failures.length <= 20) tell(`FAILED at ${line}`)
  }

  async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
    const startMs = performance.now()
    try {
      return await work()
    } catch (error) {
      failed(`${what}: ${(error as Error).message}`)
      throw error
    } finally {
      times.push(performance.now() - startMs)
    }
  }

  const doorOf = (client: number): string => doors[client % doors.length] as string
  const writers = runClients({
    history,
    seed,
    clients: WRITERS,
    keys: HOT_KEYS,
    reads: 0.5,
    deletes: 0.1,
    goOn: () => !state.stopped,
    perform: (client: number, call: Call): Promise<Outcome> =>
      timed(call.kind, () => perform(doorOf(client), call, failed))
  })
  const readers = Array.from({ length: READERS }, async (_, reader) => {
    const chance = createChance(seed * 7_919 + reader)
    while (!state.stopped) {
      const index = Math.floor(chance() * bulk.pairs)
      const value = await timed('read', () => get(doorOf(reader), bulkKey(index))).catch(
        (error: Error) => error
      )
      if (!(value instanceof Error) && value?.toString() !== bulkValue(index, bulk)) {
        failed(`${bulkKey(index)} is ${value?.toString()}`)
      }
    }
  })

  return {
    async end() {
      state.stopped = true
      await Promise.all([writers, ...readers])
      times.sort((a, b) => a - b)
      const p99Ms = times[Math.floor(times.length * 0.99)] ?? 0
      return {
        requests: times.length,
        failures,
        violations: history.violations().map(describeViolation),
        longestPauseMs: times.at(-1) ?? 0,
        p99Ms
      }
    }
  }
}
