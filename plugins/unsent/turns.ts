// Turns of requests whose connections asked for large values last. All of them at once would put so many
// megabytes into the queues to the storage that a small request behind them waited for seconds; a few at a
// time keep the storage as busy.

export interface Turns {
  /**
   * Calls `begin` when it is the turn of the request: now, or when others have left. What it returns is to be
   * called when the request needs the storage no more.
   */
  enter(begin: () => void): () => void
}

interface Turn {
  state: 'waiting' | 'under way' | 'over'
  readonly begin: () => void
}

export function createTurns(atOnce: number): Turns {
  let underWay = 0
  let waiting: Turn[] = []
  let next = 0

  function beginNext(): void {
    while (underWay < atOnce && next < waiting.length) {
      const turn = waiting[next++] as Turn
      if (turn.state === 'waiting') begin(turn)
    }
    if (next === waiting.length) {
      waiting = []
      next = 0
    }
  }

  function begin(turn: Turn): void {
    underWay++
    turn.state = 'under way'
    turn.begin()
  }

  return {
    enter(whenBegun) {
      const turn: Turn = { state: 'waiting', begin: whenBegun }
      if (underWay < atOnce) begin(turn)
      else waiting.push(turn)
      return () => {
        const before = turn.state
        turn.state = 'over'
        if (before !== 'under way') return
        underWay--
        beginNext()
      }
    }
  }
}
