// A circuit breaker for one peer: after a few failures in a row nothing is sent for a while, then a single attempt
// tries the way (Nygard, "Release It!", 2007, chapter 5). Time comes in as an argument; nothing here waits.

import { CIRCUIT_FAILURES, CIRCUIT_MAX_MS, CIRCUIT_MIN_MS } from '../limits.ts'

export type CircuitState =
  | { readonly kind: 'closed', readonly failures: number }
  | { readonly kind: 'open', readonly failures: number, readonly untilMs: number }
  | { readonly kind: 'probing', readonly failures: number }

export const CLOSED: CircuitState = { kind: 'closed', failures: 0 }

export type CircuitEvent = 'attempt' | 'success' | 'failure'

/**
 * The state after an event at `nowMs`. An attempt turns an open circuit whose pause is over into a probing one; a success
 * closes it; a failure counts, and from the threshold on opens it for a pause that doubles up to a limit. `jitter` in [0, 1)
 * shortens the pause by up to half, so that many processes do not come back at once.
 */
export function nextCircuit (state: CircuitState, event: CircuitEvent, nowMs: number, jitter: number): CircuitState {
  if (event === 'success') return CLOSED
  if (event === 'attempt') return state.kind === 'open' && nowMs >= state.untilMs ? { kind: 'probing', failures: state.failures } : state
  const failures = state.failures + 1
  if (failures < CIRCUIT_FAILURES) return { kind: 'closed', failures }
  const pauseMs = Math.min(CIRCUIT_MAX_MS, CIRCUIT_MIN_MS * 2 ** Math.min(failures - CIRCUIT_FAILURES, 20))
  return { kind: 'open', failures, untilMs: nowMs + pauseMs * (1 - jitter / 2) }
}

/** True if an attempt may be made now: the circuit is closed, or it is open and due for a probe. */
export function admits (state: CircuitState, nowMs: number): boolean {
  return state.kind === 'closed' || (state.kind === 'open' && nowMs >= state.untilMs)
}
