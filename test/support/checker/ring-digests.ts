// The watch over ring numbers: whatever happens to a cluster, all processes that have a ring of one number
// have the same ring.

import { setTimeout as pause } from 'node:timers/promises'
import { request } from 'undici'
import { type RingJson } from '../../../src/core/ring/ring-json.ts'

const LOOK_MS = 100

export interface DigestWatch {
  /** The numbers that were seen with more than one digest, a line each; must be empty. */
  readonly splits: readonly string[]
  /** How many different rings were seen. */
  readonly rings: number
  /** Notes the ring of one process. */
  note(where: string, ring: Pick<RingJson, 'generation' | 'epoch'> & { readonly digest: string }): void
  end(): Promise<void>
}

/**
 * Asks the nodes (`http://host:port`) again and again, each time over a new connection, behind which is any
 * of a node's workers.
 */
export function watchDigests(urls: readonly string[]): DigestWatch {
  const seen = new Map<string, { readonly digest: string; readonly where: string }>()
  const splits: string[] = []
  const state = { ended: false }

  function note(where: string, { generation, epoch, digest }: Parameters<DigestWatch['note']>[1]): void {
    const number = `${generation}/${epoch}`
    const first = seen.get(number)
    if (first === undefined) seen.set(number, { digest, where })
    else if (first.digest !== digest) {
      splits.push(`ring ${number} is ${first.digest} at ${first.where} and ${digest} at ${where}`)
    }
  }

  async function look(url: string): Promise<void> {
    try {
      const { statusCode, body } = await request(`${url}/hash_ring`, {
        reset: true,
        headersTimeout: 5_000,
        bodyTimeout: 5_000
      })
      const text = await body.text()
      if (statusCode === 200) note(url, JSON.parse(text))
    } catch {
      // A node that is down has no ring.
    }
  }

  async function watch(): Promise<void> {
    while (!state.ended) {
      await Promise.all(urls.map(look))
      await pause(LOOK_MS)
    }
  }

  const watching = watch()
  return {
    splits,
    get rings() {
      return seen.size
    },
    note,
    async end() {
      state.ended = true
      await watching
    }
  }
}
