// The circuit of a peer, by a table of every state and event; its pauses double up to a limit, and a silence
// opens it at once.

import fc from 'fast-check'
import t from 'tap'
import {
  CLOSED,
  nextCircuit,
  type CircuitEvent,
  type CircuitState
} from '../../../src/core/quorum/circuit.ts'
import { CIRCUIT_FAILURES, CIRCUIT_MAX_MS, CIRCUIT_MIN_MS } from '../../../src/limits.ts'

const LAST = CIRCUIT_FAILURES - 1

/** Each state with each event at time 1000: what it becomes, or the failures after which that changes. */
const TABLE: Array<[CircuitState, CircuitEvent, CircuitState['kind'], number]> = [
  [CLOSED, 'attempt', 'closed', 0],
  [CLOSED, 'success', 'closed', 0],
  [CLOSED, 'failure', 'closed', 1],
  [CLOSED, 'silence', 'open', CIRCUIT_FAILURES],
  [{ kind: 'closed', failures: LAST }, 'silence', 'open', LAST + 1],
  [{ kind: 'open', failures: 4, untilMs: 1001 }, 'silence', 'open', 5],
  [{ kind: 'probing', failures: 4 }, 'silence', 'open', 5],
  [{ kind: 'closed', failures: LAST }, 'attempt', 'closed', LAST],
  [{ kind: 'closed', failures: LAST }, 'success', 'closed', 0],
  [{ kind: 'closed', failures: LAST }, 'failure', 'open', LAST + 1],
  [{ kind: 'open', failures: 4, untilMs: 1001 }, 'attempt', 'open', 4],
  [{ kind: 'open', failures: 4, untilMs: 1000 }, 'attempt', 'probing', 4],
  [{ kind: 'open', failures: 4, untilMs: 1001 }, 'success', 'closed', 0],
  [{ kind: 'open', failures: 4, untilMs: 1001 }, 'failure', 'open', 5],
  [{ kind: 'probing', failures: 4 }, 'attempt', 'probing', 4],
  [{ kind: 'probing', failures: 4 }, 'success', 'closed', 0],
  [{ kind: 'probing', failures: 4 }, 'failure', 'open', 5]
]

const LEGAL: { [from in CircuitState['kind']]: Array<CircuitState['kind']> } = {
  closed: ['closed', 'open'],
  open: ['open', 'probing', 'closed'],
  probing: ['probing', 'closed', 'open']
}

t.test('every state and event', async t => {
  for (const [state, event, kind, failures] of TABLE) {
    const next = nextCircuit(state, event, 1_000, 0)
    t.match(next, { kind, failures }, `${state.kind} ${state.failures}, ${event}`)
  }
  t.equal(new Set(TABLE.map(([{ kind }, event]) => `${kind} ${event}`)).size, 12)
})

t.test('any walk keeps to the legal transitions', async () => {
  const events = fc.array(
    fc.tuple(
      fc.constantFrom<CircuitEvent[]>('attempt', 'success', 'failure', 'silence'),
      fc.nat(2_000),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
    )
  )
  fc.assert(
    fc.property(events, events => {
      let state = CLOSED
      let nowMs = 0
      for (const [event, laterMs, jitter] of events) {
        nowMs += laterMs
        const next = nextCircuit(state, event, nowMs, jitter)
        if (!LEGAL[state.kind].includes(next.kind)) return false
        if (
          next.kind === 'open' &&
          next !== state &&
          !(next.untilMs > nowMs && next.untilMs <= nowMs + CIRCUIT_MAX_MS)
        ) {
          return false
        }
        if ((next.kind === 'closed') !== next.failures < CIRCUIT_FAILURES) return false
        state = next
      }
      return true
    }),
    { numRuns: 1_000 }
  )
})

t.test('pauses double up to a limit, and jitter halves them at most', async t => {
  let state: CircuitState = { kind: 'closed', failures: CIRCUIT_FAILURES - 1 }
  for (
    let expectedMs = CIRCUIT_MIN_MS, i = 0;
    i < 100;
    i++, expectedMs = Math.min(CIRCUIT_MAX_MS, 2 * expectedMs)
  ) {
    const shortened = nextCircuit(state, 'failure', 0, 0.5)
    state = nextCircuit(state, 'failure', 0, 0)
    t.match(state, { kind: 'open', untilMs: expectedMs })
    t.match(shortened, { kind: 'open', untilMs: expectedMs * 0.75 })
  }
})
