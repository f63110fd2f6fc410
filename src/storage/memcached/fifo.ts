// A queue whose every step takes the same short time, however long it is: commands in flight are many.
//
//   | c | d | . | . | . | a | b |      a ring of a power of two, laid out anew, twice as large, when full
//             ^ head + length ^ head

export interface Fifo<T> {
  readonly length: number
  push(item: T): void
  shift(): T | undefined
  peek(): T | undefined
}

/** An empty queue. */
export function createFifo<T>(): Fifo<T> {
  let items = new Array<T | undefined>(64).fill(undefined)
  let head = 0
  let length = 0

  function grow(): void {
    const larger = new Array<T | undefined>(items.length * 2).fill(undefined)
    for (let i = 0; i < length; i++) larger[i] = items[(head + i) & (items.length - 1)]
    items = larger
    head = 0
  }

  return {
    get length() {
      return length
    },
    push(item) {
      if (length === items.length) grow()
      items[(head + length++) & (items.length - 1)] = item
    },
    shift() {
      const item = items[head]
      if (length === 0) return undefined
      items[head] = undefined
      head = (head + 1) & (items.length - 1)
      length--
      return item
    },
    peek() {
      return items[head]
    }
  }
}
