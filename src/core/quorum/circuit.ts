// A circuit breaker for one peer: after a few failures in a row, or a silence, nothing is sent for a while,
// then a single attempt tries the way (Nygard, "Release It!", 2007, chapter 5). Time comes in as an argument;
// nothing here waits.

import { CIRCUIT_FAILURES, CIRCUIT_MAX_MS, CIRCUIT_MIN_MS } from '../../limits.ts'

export type CircuitState =
  | { readonly kind: 'closed'; readonly failures: number }
  | { readonly kind: 'open'; readonly failures: number; readonly untilMs: number }
  | { readonly kind: 'probing'; readonly failures: number }

export const CLOSED: CircuitState = { kind: 'closed', failures: 0 }

/** `silence`: a failure that took the whole of its deadline to show. */
export type CircuitEvent = 'attempt' | 'success' | 'failure' | 'silence'

/**
 * The state after an event at `nowMs`. An attempt turns an open circuit whose pause is over into a probing
 * one; a success closes it; a failure counts, and from the threshold on opens it for a pause that doubles up
 * to a limit; a silence is at the threshold at once, as each costs a request its deadline. `jitter` in [0, 1)
 * shortens the pause by up to half, so that many processes do not come back at once.
 */
export function nextCircuit(
  state: CircuitState,
  event: CircuitEvent,
  nowMs: number,
  jitter: number
): CircuitState {
  if (event === 'success') return CLOSED
  if (event === 'attempt') {
    return state.kind === 'open' && nowMs >= state.untilMs
      ? { kind: 'probing', failures: state.failures }
      : state
  }
  const failures = event === 'silence' ? Math.max(CIRCUIT_FAILURES, state.failures + 1) : state.failures + 1
  if (failures < CIRCUIT_FAILURES) return { kind: 'closed', failures }
  const pauseMs = Math.min(CIRCUIT_MAX_MS, CIRCUIT_MIN_MS * 2 ** Math.min(failures - CIRCUIT_FAILURES, 20))
  return { kind: 'open', failures, untilMs: nowMs + pauseMs * (1 - jitter / 2) }
}
