// A clock that moves only when there is nothing left to do at the present instant. What is to happen later is
// a list of actions; one runs at a time, and everything that it sets off by promises is over before the next
// begins. So a run depends on nothing but the actions themselves, and the same ones give the same run.

export interface VirtualTime {
  /** Milliseconds since the run began. */
  readonly nowMs: number
  /** What it returns calls the action off. */
  after(delayMs: number, action: () => void): () => void
  sleep(delayMs: number): Promise<void>
  /**
   * Runs until nothing is left to happen. Throws after `limit` actions: a run that does not end is a defect.
   */
  run(limit?: number): Promise<void>
}

interface Due {
  readonly atMs: number
  action: (() => void) | undefined
}

export function createVirtualTime(): VirtualTime {
  /** What comes first stands last; of two at the same instant the one that was planned first. */
  const agenda: Due[] = []
  let nowMs = 0

  function after(delayMs: number, action: () => void): () => void {
    const due: Due = { atMs: nowMs + delayMs, action }
    const { atMs } = due
    let low = 0
    let high = agenda.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((agenda[middle] as Due).atMs > atMs) low = middle + 1
      else high = middle
    }
    agenda.splice(low, 0, due)
    return () => {
      due.action = undefined
    }
  }

  return {
    get nowMs() {
      return nowMs
    },
    after,
    sleep: delayMs =>
      new Promise(resolve => {
        after(delayMs, resolve)
      }),
    async run(limit = 1_000_000) {
      // Every reaction to a promise comes before the next immediate, however long the chain of promises is.
      await new Promise(setImmediate)
      for (let actions = 0; agenda.length > 0; actions++) {
        if (actions === limit) throw new Error(`the run is not over after ${limit} actions`)
        const { atMs, action } = agenda.pop() as Due
        if (action === undefined) continue
        nowMs = atMs
        action()
        await new Promise(setImmediate)
      }
    }
  }
}
