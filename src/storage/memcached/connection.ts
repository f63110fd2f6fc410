// One connection to Memcached, from its opening to its end; the client replaces it by another one, never
// revives it. Commands of one tick of the event loop leave in one write, answers are matched in order. On
// anything out of order the connection is destroyed: what was written fails as `timeout` (it may have been
// done), what was not as `unreachable`.

import { type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { TIMERS } from '../../core/quorum/deadline.ts'
import { failed, type Failed } from '../../core/ports.ts'
import { KvError } from '../../errors.ts'
import {
  STORAGE_DEADLINE_MS,
  STORAGE_IN_FLIGHT,
  STORAGE_LONGEST_MS,
  STORAGE_READ_BYTES,
  STORAGE_UNSENT_BYTES
} from './limits.ts'
import { connectTo, type Address } from './address.ts'
import {
  addLine,
  casLine,
  deleteCommand,
  discardCommand,
  getCommand,
  getsCommand,
  STATS
} from './commands.ts'
import { createFlight, settle, type Done, type Flight, type Verb } from './flight.ts'
import { RING_NAME } from './names.ts'
import { broken, createParser, parse, type Parser, type Reply } from './protocol.ts'
import { writeParts } from './write.ts'
import { type Connection, type ConnectionEvents, ANSWERS } from './connection-api.ts'

interface State {
  readonly socket: Socket
  readonly events: ConnectionEvents
  state: Connection['state']
  instance: string
  readonly flight: Flight
  scheduled: boolean
  /** What the next write consists of: `parts`, then `text`. */
  parts: (string | Buffer)[]
  text: string
  bodyBytes: number
  lastDataMs: number
  timer: NodeJS.Timeout | undefined
  parser: Parser | undefined
}

/** Starts to connect. The greeting, and all that is asked meanwhile, has the usual deadline. */
export function openConnection(address: Address, events: ConnectionEvents): Connection {
  const buffer = Buffer.allocUnsafeSlow(STORAGE_READ_BYTES)
  const callback = (bytes: number): boolean => read(state, buffer.subarray(0, bytes))
  const state: State = {
    socket: connectTo(address, { buffer, callback }),
    events,
    state: 'connecting',
    instance: '',
    flight: createFlight(),
    scheduled: false,
    parts: [],
    text: '',
    bodyBytes: 0,
    lastDataMs: 0,
    timer: undefined,
    parser: undefined
  }
  listen(state)
  greet(state)
  return {
    get state() {
      return state.state
    },
    get instance() {
      return state.instance
    },
    get gathers() {
      return state.scheduled && state.state === 'ready'
    },
    get inFlight() {
      return state.flight.length
    },
    // The answers of each verb are checked on arrival, so the narrower types hold.
    get(name, done) {
      if (!state.flight.share(name, done as Done)) {
        send(state, 'get', name, getCommand(name), undefined, done as Done)
      }
    },
    gets: (name, done) => send(state, 'get', name, getsCommand(name), undefined, done as Done),
    add: (name, expiryS, body, done) =>
      send(state, 'add', '', addLine(name, expiryS, body.length), body, done as Done),
    cas: (name, expiryS, body, cas, done) =>
      send(state, 'cas', '', casLine(name, expiryS, body.length, cas), body, done as Done),
    delete: (name, done) => send(state, 'delete', '', deleteCommand(name), undefined, done as Done),
    discard: (name, cas, done) =>
      send(state, 'discard', '', discardCommand(name, cas), undefined, done as Done),
    stats: done => send(state, 'stats', '', STATS, undefined, done as Done),
    destroy: () => fail(state, 'closed by this process')
  }
}

function listen(state: State): void {
  const { socket } = state
  socket.resume()
  socket.once('connect', () => socket.write(getCommand(RING_NAME) + STATS))
  socket.on('error', error => fail(state, error.message))
  socket.on('end', () => fail(state, 'closed by memcached'))
  socket.on('close', () => fail(state, 'closed'))
}

/** Takes what has come; true: there is more to be read. */
function read(state: State, chunk: Buffer): boolean {
  state.lastDataMs = performance.now()
  state.parser ??= createParser(
    () => state.flight.first?.name ?? '',
    reply => takeReply(state, reply)
  )
  try {
    parse(state.parser, chunk)
  } catch (error) {
    if (!(error instanceof KvError)) throw error
    fail(state, error.message)
  }
  return state.state !== 'closed'
}

/**
 * The first two commands: is the sentinel there, and which run of Memcached is this? They stand before all
 * others.
 */
function greet(state: State): void {
  const { flight } = state
  let ring: Buffer | undefined
  const takeRing = (reply: Reply | Failed): void => {
    if (reply.kind === 'value') ring = reply.bytes
  }
  const takeStats = (reply: Reply | Failed): void => {
    if (reply.kind !== 'stats') return
    // Which second the instance started in: both grow together, whatever happens to the wall clock.
    const startedS = Number(reply.stats.get('time')) - Number(reply.stats.get('uptime'))
    state.instance = `${reply.stats.get('pid')} of ${startedS}`
    state.state = 'ready'
    state.events.ready(ring)
    flush(state)
  }
  flight.enter('get', RING_NAME, takeRing)
  flight.enter('stats', '', takeStats)
  flight.wrote(performance.now())
  checkDeadline(state)
}

function send(
  state: State,
  verb: Verb,
  name: string,
  text: string,
  body: Buffer | undefined,
  done: Done
): void {
  if (state.state === 'closed') return done(failed('unreachable'))
  if (state.flight.length >= STORAGE_IN_FLIGHT) return done(failed('overloaded'))
  if (body === undefined) {
    state.text += text
  } else {
    if (state.bodyBytes + state.socket.writableLength > STORAGE_UNSENT_BYTES) {
      return done(failed('overloaded'))
    }
    state.parts.push(state.text + text, body)
    state.text = '\r\n'
    state.bodyBytes += body.length
  }
  state.flight.enter(verb, name, done)
  if (state.scheduled) return
  state.scheduled = true
  setImmediate(flush, state)
}

function flush(state: State): void {
  state.scheduled = false
  if (state.state !== 'ready' || state.flight.unwritten === 0) return
  const { parts, text, bodyBytes } = state
  state.flight.wrote(performance.now())
  state.parts = []
  state.text = ''
  state.bodyBytes = 0
  if (state.timer === undefined) checkDeadline(state)
  if (parts.length === 0) {
    state.socket.write(text, 'latin1')
  } else {
    parts.push(text)
    writeParts(state.socket, parts, bodyBytes)
  }
}

function takeReply(state: State, reply: Reply): void {
  const command = state.flight.shift()
  if (command === undefined) throw broken('an answer that nobody asked for')
  if (!ANSWERS[command.verb].has(reply.kind)) {
    settle(command, failed('timeout'))
    throw broken(`${reply.kind} as the answer to ${command.verb}`)
  }
  settle(command, reply)
}

/**
 * Ends the connection if the oldest command is overdue, else looks again when it would be. One timer serves
 * them all.
 */
function checkDeadline(state: State): void {
  state.timer = undefined
  const waitMs = overdueInMs(state)
  if (waitMs > 0) {
    if (waitMs < Infinity) state.timer = setTimeout(checkDeadline, waitMs + 1, state).unref()
    return
  }
  // This process itself may have been held up. Then the answers lie in the socket.
  TIMERS.afterReading(() => {
    if (state.state === 'closed' || state.timer !== undefined) return
    if (overdueInMs(state) <= 0) fail(state, 'no answer in time', true)
    else checkDeadline(state)
  })
}

/** Milliseconds until the oldest written command is overdue; `Infinity`: there is none. */
function overdueInMs(state: State): number {
  const atMs = state.flight.sinceMs
  if (atMs === undefined || state.state === 'closed') return Infinity
  // While others' answers keep arriving it may wait for longer, but not without end.
  const sinceMs = Math.max(atMs, Math.min(state.lastDataMs, atMs + STORAGE_LONGEST_MS - STORAGE_DEADLINE_MS))
  return sinceMs + STORAGE_DEADLINE_MS - performance.now()
}

function fail(state: State, why: string, silent = false): void {
  if (state.state === 'closed') return
  state.state = 'closed'
  clearTimeout(state.timer)
  state.socket.destroy()
  state.parts = []
  state.text = ''
  state.events.closed(why, silent)
  state.flight.failAll()
}
