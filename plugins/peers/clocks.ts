// The clocks of the other nodes beside this one's, as greetings measure them: what the operator is told, and
// whether this node's clock is so far off from those of most nodes that it must not serve.

import { type FastifyBaseLogger } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { CLOCK_SKEW_MAX_MS } from '../../src/limits.ts'
import { CLOCK_FRESH_MS, CLOCK_SKEW_TOLD_MS, CLOCK_SKEW_WARN_MS, CLOCK_VAGUE_MS } from './limits.ts'
import { offBy, type Skew } from '../../src/core/quorum/skew.ts'

export interface Clocks {
  /** What a greeting has told of a node's clock. */
  measured(node: string, skew: Skew): void
  /**
   * How far the clock that differs most is ahead of this one (negative: behind); undefined: none differs by
   * much.
   */
  readonly worstMs: number | undefined
  /** Throws `KV_ERR_CLOCK` if this node's clock is off from those of most nodes. */
  check(): void
}

export interface ClocksOptions {
  /** The other nodes of the ring. */
  others(): readonly string[]
  /** Time that no one sets. */
  nowMs(): number
  readonly log: FastifyBaseLogger
}

export function createClocks({ others, nowMs, log }: ClocksOptions): Clocks {
  const known = new Map<string, Skew & { readonly atMs: number }>()
  const warned = new Set<string>()
  let wasOff = false

  /** Those of the ring's nodes whose clocks were measured of late. */
  function fresh(): Skew[] {
    return others().flatMap(node => {
      const skew = known.get(node)
      return skew !== undefined && nowMs() - skew.atMs < CLOCK_FRESH_MS ? [skew] : []
    })
  }

  const off = () =>
    offBy(
      fresh().map(({ aheadMs }) => aheadMs),
      others().length + 1
    )

  function warn(node: string, { aheadMs, uncertainMs }: Skew): void {
    const apartMs = Math.abs(aheadMs)
    if (!warned.has(node) && apartMs - uncertainMs > CLOCK_SKEW_WARN_MS) {
      warned.add(node)
      log.warn(
        { peer: node, aheadMs: Math.round(aheadMs) },
        "the clock of another node and this one's are apart; is the time of both set by NTP?"
      )
    } else if (apartMs < CLOCK_SKEW_WARN_MS / 2 && warned.delete(node)) {
      log.info({ peer: node }, "the clock of another node and this one's agree again")
    }
  }

  function tellOff(): void {
    const offMs = off()
    if (offMs !== undefined && !wasOff) {
      log.error(
        { aheadMs: Math.round(offMs) },
        'the clock of this node is off from those of most nodes, so it is not ready; set it by NTP'
      )
    }
    if (offMs === undefined && wasOff) {
      log.info('the clock of this node agrees with those of most nodes again')
    }
    wasOff = offMs !== undefined
  }

  return {
    measured(node, skew) {
      if (skew.uncertainMs > CLOCK_VAGUE_MS) return
      const nodes = others()
      for (const gone of known.keys()) {
        if (nodes.includes(gone)) continue
        known.delete(gone)
        warned.delete(gone)
      }
      if (!nodes.includes(node)) return
      known.set(node, { ...skew, atMs: nowMs() })
      warn(node, skew)
      tellOff()
    },
    get worstMs() {
      const worst = fresh().sort((a, b) => Math.abs(b.aheadMs) - Math.abs(a.aheadMs))[0]
      return worst !== undefined && Math.abs(worst.aheadMs) - worst.uncertainMs > CLOCK_SKEW_TOLD_MS
        ? Math.round(worst.aheadMs)
        : undefined
    },
    check() {
      const offMs = off()
      if (offMs === undefined) return
      const apart = `${(Math.abs(offMs) / 1000).toFixed(1)} s ${offMs > 0 ? 'ahead of' : 'behind'}`
      throw new KvError(
        'KV_ERR_CLOCK',
        `the clock of this node is ${apart} those of most nodes, more than the ` +
          `${CLOCK_SKEW_MAX_MS / 1000} s that are tolerated: set it by NTP`
      )
    }
  }
}
