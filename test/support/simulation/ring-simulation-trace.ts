// A transcript of one run that a person can follow: who sent what to whom, who stored what, which ring came
// into force where.

import { type FastifyBaseLogger } from 'fastify'
import { type Answer, type Operation } from '../../../src/core/messages/frame.ts'
import { type World } from './ring-simulation-world.ts'

/** Takes the lines of a transcript. */
export type Trace = (line: string) => void

const WHO_CHARS = 8

/** Tells what somebody did, with the time; nothing where nobody listens. */
export function tell(world: World, who: string, what: string): void {
  if (world.trace === undefined) return
  const {
    time: { nowMs },
    lapsedMs
  } = world
  const hours = lapsedMs === 0 ? '' : ` +${(lapsedMs / 3_600_000).toFixed(1)} h`
  world.trace(
    `${(nowMs / 1000).toFixed(3).padStart(9)} s${hours}  ` +
      `${who.replace(':5000', '').padEnd(WHO_CHARS)} ${what}`
  )
}

/** The log of a simulated process: its lines go into the transcript. */
export function logOf(world: World, node: string): FastifyBaseLogger {
  const level =
    world.trace === undefined
      ? () => {}
      : (fields: object | string, message?: string) =>
          tell(world, node, typeof fields === 'string' ? fields : `${message} ${detailsOf(fields)}`)
  return Object.fromEntries(
    ['info', 'warn', 'error', 'debug'].map(name => [name, level])
  ) as unknown as FastifyBaseLogger
}

function detailsOf(fields: object): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value instanceof Error ? value.message : JSON.stringify(value)}`)
    .join(' ')
}

/** `read key 1`, `delete key 1`, `store key 1 = value`. */
export function operationText({ key, record }: Operation): string {
  if (record === undefined) return `read ${key}`
  return record.deleted ? `delete ${key}` : `store ${key} = ${record.value.toString()}`
}

export function answerText(answer: Answer | undefined): string {
  if (answer === undefined) return 'no answer'
  if (answer.kind === 'found') {
    return answer.record.deleted ? 'a tombstone' : `found ${answer.record.value.toString()}`
  }
  return answer.kind === 'failed' ? answer.reason : answer.kind
}
