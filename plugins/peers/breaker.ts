// The circuit of one node with its clock: what it tells the operator, and when it looks for a node that was gone.

import { type FastifyBaseLogger } from 'fastify'
import { admits, CLOSED, nextCircuit, type CircuitEvent } from '../../src/core/circuit.ts'

export interface Breaker {
  /** True if something may be sent now. */
  admits (): boolean
  move (event: CircuitEvent): void
  /** Looks for the node no more. */
  close (): void
}

/**
 * `probe` is called when the pause of an open circuit is over: a node that was gone is looked for without waiting for an operation, and
 * the first one after its return finds it counted.
 */
export function createBreaker (node: string, log: FastifyBaseLogger, probe: () => Promise<void>): Breaker {
  let circuit = CLOSED
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function lookAgain (atMs: number): void {
    clearTimeout(timer)
    // A timer may be a little early, and then nothing would be sent.
    if (!closed) timer = setTimeout(() => { probe().catch(() => {}) }, Math.ceil(atMs - performance.now()) + 1).unref()
  }

  return {
    admits: () => admits(circuit, performance.now()),
    move (event) {
      const before = circuit.kind
      circuit = nextCircuit(circuit, event, performance.now(), Math.random())
      if (circuit.kind === 'open' && before === 'closed') log.warn({ peer: node }, 'a node does not answer')
      if (circuit.kind === 'closed' && before !== 'closed') log.info({ peer: node }, 'a node answers again')
      if (circuit.kind === 'open') lookAgain(circuit.untilMs)
    },
    close () {
      closed = true
      clearTimeout(timer)
    }
  }
}
