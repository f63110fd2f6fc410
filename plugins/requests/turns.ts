// What takes long is done in steps, one in each turn of the event loop, turn about: however many bodies are
// to be parsed, whatever else has come is answered between two steps.

import { KvError } from '../../src/errors.ts'

/** Who waits for it: the socket of a request. */
interface Client {
  readonly destroyed: boolean
}

/**
 * Takes the steps and resolves with what the last one returns. For a client who has gone no more are taken:
 * rejects.
 */
export type InTurns = <T>(client: Client, steps: Iterator<unknown, T>) => Promise<T>

interface Work {
  readonly client: Client
  readonly steps: Iterator<unknown, unknown>
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

export function createTurns(): InTurns {
  const waiting: Work[] = []
  let isScheduled = false

  function schedule(): void {
    if (isScheduled || waiting.length === 0) return
    isScheduled = true
    setImmediate(takeTurn)
  }

  function takeTurn(): void {
    isScheduled = false
    const work = nextWanted()
    if (work !== undefined && !isDone(work)) waiting.push(work)
    schedule()
  }

  function nextWanted(): Work | undefined {
    for (;;) {
      const work = waiting.shift()
      if (work?.client.destroyed !== true) return work
      work.reject(new KvError('KV_ERR_OVERLOADED', 'the client has gone'))
    }
  }

  return (client, steps) =>
    new Promise((resolve, reject) => {
      waiting.push({ client, steps, resolve, reject })
      schedule()
    })
}

/** Takes the next step; true if it was the last. */
function isDone({ steps, resolve, reject }: Work): boolean {
  try {
    const step = steps.next()
    if (step.done === true) resolve(step.value as never)
    return step.done === true
  } catch (error) {
    reject(error)
    return true
  }
}
