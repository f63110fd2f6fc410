// The circuit of one node with its clock: what it tells the operator, and when it looks for a node that was
// gone.

import { type FastifyBaseLogger } from 'fastify'
import { CLOSED, nextCircuit, type CircuitEvent, type CircuitState } from '../../src/core/quorum/circuit.ts'
import { PEER_LOOK_MS, PEER_QUEUE } from './limits.ts'

export interface Breaker {
  /**
   * True if something may be sent now. No operation is sent to find out whether a silent node is back: it
   * would wait for the whole deadline.
   */
  admits(): boolean
  /** `why` is for the log. */
  move(event: CircuitEvent, why?: string): void
  /**
   * Looks whether the node is back; one look serves all who ask meanwhile. True: it answers. False: it does
   * not answer, or has not answered in the time that a node which is back needs at most. In the second case
   * the look goes on, and all who ask before its end get false at once. So do those who ask when too many
   * wait.
   */
  look(): Promise<boolean>
  /** Looks for the node no more. */
  close(): void
}

/**
 * `probe` is called when the pause of an open circuit is over: a node that was gone is looked for without
 * waiting for an operation, and the first one after its return finds it counted. It resolves when the node
 * answers.
 */
export function createBreaker(node: string, log: FastifyBaseLogger, probe: () => Promise<void>): Breaker {
  let circuit: CircuitState = CLOSED
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<boolean> | undefined
  let waiting = 0
  let closed = false

  function lookAgain(atMs: number): void {
    clearTimeout(timer)
    // A timer may be a little early, and then nothing would be sent.
    if (!closed) timer = setTimeout(look, Math.ceil(atMs - performance.now()) + 1).unref()
  }

  function look(): Promise<boolean> {
    if (waiting >= PEER_QUEUE) return Promise.resolve(false)
    waiting++
    looking ??= new Promise(resolve => {
      const tell = (answers: boolean): void => {
        waiting = 0
        resolve(answers)
      }
      const patience = setTimeout(tell, PEER_LOOK_MS, false)
      probe()
        .then(
          () => true,
          () => false
        )
        .then(answers => {
          clearTimeout(patience)
          looking = undefined
          tell(answers)
        })
    })
    return looking
  }

  return {
    admits: () => circuit.kind === 'closed',
    move(event, why) {
      const before = circuit.kind
      circuit = nextCircuit(circuit, event, performance.now(), Math.random())
      if (circuit.kind === 'open' && before === 'closed') {
        log.warn({ peer: node, why }, 'a node does not answer')
      }
      if (circuit.kind === 'closed' && before !== 'closed') log.info({ peer: node }, 'a node answers again')
      if (circuit.kind === 'open') lookAgain(circuit.untilMs)
    },
    look,
    close() {
      closed = true
      clearTimeout(timer)
    }
  }
}
