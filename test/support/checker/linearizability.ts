// Tells whether a history of one key could have come from an atomic register that is written, read and
// deleted. The answer is exact and takes O(n log n), however many operations run at the same time or have an
// unknown outcome.
//
// A general search (Wing and Gong, "Testing and verifying concurrent objects", 1993; with Lowe's memoisation,
// "Testing for linearizability", 2017) is exponential in the number of concurrent writes. As every written
// value is unique, a read names its write, and a write with its reads is one block that nothing interrupts;
// Gibbons and Korach ("Testing shared memories", 1997) decide such histories by comparing the blocks' zones.
// What they do not have is the delete: many deletes write the same thing, `absent`, and a read of it names
// none of them. The sweep below adds that.
//
//   block    |--w--|       |--r--|      its first end lies before its last begin: the value must be current
//                  [zone..]             throughout that zone, so nothing else fits inside it
//   block    |--w-----|
//               |--r-----|              all of it overlaps: it takes place in one instant between the last
//               [span.]                 begin and the first end; likewise each delete and read of `absent`

/** One operation on the key, with the order in which it began and ended; equal times count as concurrent. */
export interface Operation {
  readonly kind: 'write' | 'delete' | 'read'
  /** What a write wrote, unique among the writes of the key, or what a read found; undefined: absent. */
  readonly value?: string | undefined
  readonly invokedAt: number
  /** Undefined: the outcome is unknown; it takes effect at any time after its begin, or never. */
  readonly returnedAt?: number | undefined
  /** Who did it, for the report. */
  readonly label?: string | undefined
}

export type Verdict =
  | { readonly linearizable: true }
  | { readonly linearizable: false; readonly reason: string; readonly window: readonly Operation[] }

interface Block {
  write: Operation | undefined
  reads: Operation[]
}
/** `from` to `to`, both ends included: where a zone lies, or where one instant is to be found for a span. */
interface Zone {
  readonly from: number
  readonly to: number
}
interface Span extends Zone {
  readonly kind: 'block' | 'delete' | 'absent'
  placed: boolean
}

/**
 * Judges the operations of one key, which is absent at first. Leave out what is known to have failed without
 * an effect. Not linearizable: `window` is a part of the history that is itself in contradiction, and no read
 * or value can be taken from it without losing that. Throws when two writes wrote the same value.
 */
export function checkRegister(operations: readonly Operation[]): Verdict {
  const known = operations.filter(
    operation => operation.kind !== 'read' || operation.returnedAt !== undefined
  )
  if (judge(known) === undefined) return { linearizable: true }
  const window = smallest(known).sort((a, b) => a.invokedAt - b.invokedAt)
  return { linearizable: false, reason: judge(window) ?? '', window }
}

function end(operation: Operation): number {
  return operation.returnedAt ?? Infinity
}

/** What contradicts itself in the history; undefined: nothing. */
function judge(operations: readonly Operation[]): string | undefined {
  const zones: Zone[] = []
  const spans: Span[] = []
  for (const [value, block] of blocksOf(operations)) {
    const reason = addBlock(value, block, zones, spans)
    if (reason !== undefined) return reason
  }
  for (const operation of operations) {
    if (operation.kind === 'delete') spans.push(span('delete', operation.invokedAt, end(operation)))
    else if (isAbsentRead(operation)) spans.push(span('absent', operation.invokedAt, end(operation)))
  }
  zones.sort((a, b) => a.from - b.from)
  if (zones.some((zone, index) => zone.from < (zones[index - 1]?.to ?? -Infinity))) {
    return 'two values were each current all through one stretch of time'
  }
  return fit(spans, zones)
}

function span(kind: Span['kind'], from: number, to: number): Span {
  return { kind, from, to, placed: false }
}

function blocksOf(operations: readonly Operation[]): Map<string, Block> {
  const blocks = new Map<string, Block>()
  for (const operation of operations) {
    if (operation.kind === 'delete' || operation.value === undefined) continue
    let block = blocks.get(operation.value)
    if (block === undefined) blocks.set(operation.value, (block = { write: undefined, reads: [] }))
    if (operation.kind === 'read') block.reads.push(operation)
    else if (block.write === undefined) block.write = operation
    else throw new Error(`the value ${operation.value} was written twice`)
  }
  return blocks
}

/** Files a value's block as a zone or a span, or tells why it is impossible by itself. */
function addBlock(value: string, block: Block, zones: Zone[], spans: Span[]): string | undefined {
  if (block.write === undefined) return `a read found ${value}, which nobody wrote`
  const all = [block.write, ...block.reads]
  const firstEnd = Math.min(...all.map(end))
  const lastBegin = Math.max(...all.map(operation => operation.invokedAt))
  if (block.write.invokedAt > firstEnd) return `a read found ${value} before its write began`
  // Nobody saw it and nobody was told that it took place: then it did not.
  if (firstEnd === Infinity) return undefined
  if (firstEnd < lastBegin) zones.push({ from: firstEnd, to: lastBegin })
  else spans.push(span('block', lastBegin, firstEnd))
  return undefined
}

const OUTSIDE = {
  block: 'a value was read as current before and after another value had come and gone',
  delete: 'a value was read as current before and after a delete',
  absent: 'the key was read as absent while a value was current'
}

/** Finds an instant outside of all zones for every span, or tells why there is none. */
function fit(spans: readonly Span[], zones: readonly Zone[]): string | undefined {
  const clipped: Span[] = []
  for (const { kind, from, to } of spans) {
    const within = span(kind, zoneAround(zones, from)?.to ?? from, zoneAround(zones, to)?.from ?? to)
    if (within.from > within.to) return OUTSIDE[kind]
    clipped.push(within)
  }
  return sweep(clipped, zones)
}

/** The zone with `at` strictly inside it. */
function zoneAround(zones: readonly Zone[], at: number): Zone | undefined {
  let low = 0
  let high = zones.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((zones[middle] as Zone).from < at) low = middle + 1
    else high = middle
  }
  const zone = zones[low - 1]
  return zone !== undefined && at < zone.to ? zone : undefined
}

const BEGIN = 0
const DEADLINE = 1
const ZONE = 2

/**
 * Walks through time and puts everything off until it is due, except what is free. While the key is absent,
 * reads of `absent` are free; while it has a value, other values are. A delete is spent when it is due itself
 * or when a read of `absent` is due, the one that is due first; just before it every waiting value takes
 * place, just after it every waiting read. To do any of it earlier could only serve fewer, so if this order
 * fails, all do.
 */
function sweep(spans: readonly Span[], zones: readonly Zone[]): string | undefined {
  const events = spans.flatMap(item => [
    { at: item.from, step: BEGIN, item },
    { at: item.to, step: DEADLINE, item }
  ])
  for (const zone of zones) {
    events.push({ at: zone.from, step: ZONE, item: span('block', zone.from, zone.to) })
  }
  events.sort((a, b) => (a.at === b.at ? a.step - b.step : a.at < b.at ? -1 : 1))

  let absent = true
  let waiting: Span[] = []
  let deletes: Span[] = []
  const turn = (toAbsent: boolean): void => {
    for (const item of waiting) item.placed = true
    waiting = []
    absent = toAbsent
  }
  const spend = (item: Span): void => {
    item.placed = true
    deletes = deletes.filter(other => other !== item)
    turn(true)
  }
  for (const { at, step, item } of events) {
    if (at === Infinity) break
    if (step === ZONE) {
      if (absent) turn(false)
    } else if (item.placed) continue
    else if (step === BEGIN) {
      if (item.kind === 'delete') deletes.push(item)
      else if (item.kind === (absent ? 'absent' : 'block')) item.placed = true
      else waiting.push(item)
    } else if (item.kind === 'delete') spend(item)
    else if (item.kind === 'block') turn(false)
    else if (deletes.length === 0) {
      return 'the key was read as absent after a write, and no delete can have come in between'
    } else spend(deletes.reduce((a, b) => (b.to < a.to ? b : a)))
  }
  return undefined
}

/**
 * A part of a contradictory history that still contradicts itself. Taking out a value with all its reads, or
 * any read, never makes a contradiction; taking out a delete may, so deletes go only where no read of
 * `absent` depends on them: when there is none, or when they lie wholly before or after everything else.
 */
function smallest(operations: readonly Operation[]): Operation[] {
  const deletes = operations.filter(({ kind }) => kind === 'delete')
  let rest = operations.filter(({ kind }) => kind !== 'delete')
  rest = shrink(partsOf(rest), deletes).flat()
  const writes = rest.filter(({ kind }) => kind === 'write')
  rest = [
    ...writes,
    ...shrink(
      rest.filter(({ kind }) => kind === 'read').map(read => [read]),
      [...writes, ...deletes]
    ).flat()
  ]
  rest = shrink(partsOf(rest), deletes).flat()
  if (!rest.some(isAbsentRead)) {
    return [
      ...rest,
      ...shrink(
        deletes.map(operation => [operation]),
        rest
      ).flat()
    ]
  }
  const begin = Math.min(...rest.map(({ invokedAt }) => invokedAt))
  const last = Math.max(...rest.map(operation => operation.returnedAt ?? operation.invokedAt))
  return [...rest, ...deletes.filter(operation => end(operation) >= begin && operation.invokedAt <= last)]
}

/** What can be taken out as a whole: each value with its reads, and each read of `absent`. */
function partsOf(operations: readonly Operation[]): Operation[][] {
  const values = [...blocksOf(operations).values()].map(({ write, reads }) =>
    write === undefined ? reads : [write, ...reads]
  )
  return [...values, ...operations.filter(isAbsentRead).map(read => [read])]
}

function isAbsentRead(operation: Operation): boolean {
  return operation.kind === 'read' && operation.value === undefined
}

/**
 * Leaves out as many parts as it can, halves first, while what is left and `fixed` still contradict
 * themselves.
 */
function shrink(parts: readonly Operation[][], fixed: readonly Operation[]): Operation[][] {
  let kept = [...parts]
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (judge([...without.flat(), ...fixed]) === undefined) at += size
      else kept = without
    }
  }
  return kept
}
