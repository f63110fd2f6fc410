// The ring as one process serves by it, and the account of what it has in flight. What a node serves at epoch
// e comes after everything that it took before e: a process switches, waits for its older operations to end,
// and begins to serve the new epoch only when every process of the node has done so.

import { KvError } from '../../src/errors.ts'
import { INSTALL_DEADLINE_MS } from '../../src/limits.ts'
import { TIMERS, withDeadline } from '../../src/core/quorum/deadline.ts'
import { lastSeen, type SeenChange } from '../../src/core/ring/change.ts'
import { refuseSplit } from '../../src/core/ring/digest.ts'
import { createPlacement, type Placement, type Plan } from '../../src/core/ring/placement.ts'
import { type Plans } from '../../src/core/ports.ts'
import { compareRings, type Ring, type RingId } from '../../src/core/ring/ring.ts'
import { ringToJson } from '../../src/core/ring/ring-json.ts'

/** One ring at this process. Operations are counted by the view under which they began. */
export interface View {
  readonly ring: Ring
  /** When this process switched to it, by `performance.now()`. */
  readonly sinceMs: number
  readonly json: string
  readonly placement: Placement
}

export interface InstalledRing extends Plans {
  /** The newest ring that this process has switched to; undefined: none yet. */
  readonly view: View | undefined
  /** True once that ring is in force at the whole node. */
  readonly serving: boolean
  /** The last change that this process has seen. */
  readonly lastChange: SeenChange | undefined
  /** Resolves when this process switches to another ring. */
  readonly switched: Promise<void>
  /**
   * Switches to a newer ring; resolves when no operation that began under an older one is in flight. Throws
   * `KV_ERR_RING_SPLIT`.
   */
  switchTo(ring: Ring): Promise<void>
  /** The ring is in force at every process of the node: operations that waited for that begin now. */
  serve(id: RingId): void
  /**
   * Begins one storage operation under ring `id`: at once where that ring is in force here, as nearly always,
   * else as soon as it is. Undefined: it must not begin, since another ring is in force (or comes while
   * waiting), or the ring takes longer than its deadline. Who gets a view calls `leave` once.
   */
  enter(id: RingId): View | undefined | Promise<View | undefined>
  /** An operation under this view has ended. */
  leave(view: View): void
  /**
   * Runs one storage operation under ring `id`, between `enter` and `leave`; undefined, without running it,
   * if it must not begin.
   */
  within<T>(id: RingId, operation: (view: View) => Promise<T>): Promise<T | undefined>
}

interface CountedView extends View {
  inFlight: number
  serving: boolean
  readonly opened: Gate
  readonly idle: Gate
}

export function createInstalledRing(timers = TIMERS): InstalledRing {
  let current: CountedView | undefined
  const older = new Set<CountedView>()
  let lastChange: SeenChange | undefined
  let switched = createGate()

  function switchTo(ring: Ring): Promise<void> {
    refuseSplit(current?.ring, ring)
    if (current === undefined || compareRings(ring, current.ring) > 0) {
      const previous = current
      lastChange = lastSeen(lastChange, previous?.ring, ring)
      switched.resolve()
      switched = createGate()
      current = {
        ring,
        sinceMs: performance.now(),
        json: JSON.stringify(ringToJson(ring)),
        placement: createPlacement(ring),
        inFlight: 0,
        serving: false,
        opened: createGate(),
        idle: createGate()
      }
      if (previous !== undefined) {
        // An operation that waits for the previous ring to be served looks again and finds itself fenced.
        previous.opened.resolve()
        if (previous.inFlight > 0) older.add(previous)
      }
    }
    return Promise.all([...older].map(view => view.idle.promise)).then(() => {})
  }

  function serve(id: RingId): void {
    if (current === undefined || compareRings(id, current.ring) !== 0) return
    current.serving = true
    current.opened.resolve()
  }

  function begin(view: CountedView): View {
    view.inFlight++
    return view
  }

  function leave(left: View): void {
    const view = left as CountedView
    view.inFlight--
    if (view.inFlight === 0 && older.delete(view)) view.idle.resolve()
  }

  async function enterWhenOpened(view: CountedView): Promise<View | undefined> {
    await withDeadline(
      view.opened.promise,
      INSTALL_DEADLINE_MS,
      () => new KvError('KV_ERR_INSTALL'),
      timers
    ).catch(() => {})
    return view === current && view.serving ? begin(view) : undefined
  }

  function enter(id: RingId): View | undefined | Promise<View | undefined> {
    const view = current
    if (view === undefined || compareRings(id, view.ring) !== 0) return undefined
    return view.serving ? begin(view) : enterWhenOpened(view)
  }

  async function within<T>(id: RingId, operation: (view: View) => Promise<T>): Promise<T | undefined> {
    const entering = enter(id)
    const view = entering instanceof Promise ? await entering : entering
    if (view === undefined) return undefined
    try {
      return await operation(view)
    } finally {
      leave(view)
    }
  }

  return {
    get view() {
      return current
    },
    get lastChange() {
      return lastChange
    },
    get switched() {
      return switched.promise
    },
    get serving() {
      return current?.serving ?? false
    },
    plan(slot: number): Plan {
      if (current === undefined) throw new KvError('KV_ERR_NO_RING')
      return current.placement.plan(slot)
    },
    switchTo,
    serve,
    enter,
    leave,
    within
  }
}

/** A promise, and what resolves it. */
interface Gate {
  readonly promise: Promise<void>
  resolve(): void
}

function createGate(): Gate {
  let resolve = () => {}
  const promise = new Promise<void>(_resolve => {
    resolve = _resolve
  })
  return { promise, resolve }
}
