// The clients of a simulated cluster whose ring changes, and what they find in the end: whoever is asked,
// every acknowledged pair is there, and what was deleted is gone.

import { tell } from './ring-simulation-trace.ts'
import { KvError } from '../../../src/errors.ts'
import { tombstone } from '../../../src/core/pairs/record.ts'
import { slotOf } from '../../../src/core/pairs/slot.ts'
import { type Operation } from '../checker/linearizability.ts'
import { type Call, type Outcome } from '../checker/history.ts'
import { expiryOf, noteOver } from './ring-simulation-expiry.ts'
import { workerOf, type Worker } from './ring-simulation-worker.ts'
import { pick, type World } from './ring-simulation-world.ts'

/** When a client gives up. What it asked for goes on. */
const PATIENCE_MS = 6_000

/** When the last client begins; some are done before others. */
const LATEST_START_MS = 12_000

/** Who writes the keys that nobody touches later. */
export const STILL = 100

const UNKNOWN: Outcome = { kind: 'unknown' }
const FAILED: Outcome = { kind: 'failed' }

/** A client: one operation after the other, each through any node. */
export async function useStore(world: World, client: number): Promise<void> {
  const { time, chance, keys, machines } = world
  const pauseMs = pick(chance, [100, 500, 1_500])
  const reads = pick(chance, [0.3, 0.6, 1])
  await time.sleep(chance() * LATEST_START_MS)
  for (let done = 0, each = 8 + Math.floor(chance() * 12); done < each; done++) {
    await time.sleep(chance() * pauseMs)
    const kind = chance() < reads ? 'read' : pick(chance, ['write', 'write', 'delete'] as const)
    const call: Call = {
      kind,
      key: pick(chance, keys),
      value: kind === 'write' ? `${client}.${done}` : undefined
    }
    await attempt(world, client, call, workerOf(world, pick(chance, machines)))
  }
}

/** One operation through a process, noted in the history. */
export async function attempt(
  world: World,
  client: number,
  call: Call,
  worker: Worker | undefined
): Promise<Outcome> {
  const { history, time } = world
  const end = history.invoke(client, call)
  const what = `${call.kind} ${call.key}${call.value === undefined ? '' : ` = ${call.value}`}`
  tell(world, `client ${client}`, what)
  const outcome =
    worker === undefined
      ? FAILED
      : await Promise.race([
          perform(world, client, worker, call),
          time.sleep(PATIENCE_MS).then(() => UNKNOWN)
        ])
  end(outcome)
  tell(
    world,
    `client ${client}`,
    `${what}: ${outcome.kind}` +
      (outcome.kind === 'ok' && call.kind === 'read' ? ` ${outcome.value ?? 'nothing'}` : '')
  )
  return outcome
}

async function perform(
  world: World,
  client: number,
  { app: { clock }, reads, writes, requests }: Worker,
  { kind, key, value }: Call
): Promise<Outcome> {
  requests.inFlight++
  try {
    if (kind === 'read') {
      const beganMs = world.time.nowMs + world.lapsedMs
      const { record } = await reads.read(slotOf(key), key)
      const found = record === undefined || record.deleted ? undefined : record.value.toString()
      noteOver(world, key, found, beganMs)
      return { kind: 'ok', value: found }
    }
    const expiresAtMs =
      value === undefined ? 0 : expiryOf(world, clock.wallMs(), key, value, client === STILL)
    await writes.write(slotOf(key), key, version =>
      value === undefined
        ? tombstone(version, clock.wallMs())
        : { version, deleted: false, expiresAtMs, contentType: '', value: Buffer.from(value) }
    )
    return { kind: 'ok' }
  } catch (error) {
    if (!(error instanceof KvError)) throw error
    return kind !== 'read' && error.message.includes('outcome unknown') ? UNKNOWN : FAILED
  } finally {
    requests.inFlight--
  }
}

/**
 * What contradicts the promise in what a node answered in the end, by what was acknowledged before. Nodes may
 * differ, as a write of unknown outcome may take effect at any time.
 */
export function contradictions(
  key: string,
  operations: readonly Operation[],
  found: string | undefined
): string[] {
  const changes = operations.filter(({ kind }) => kind !== 'read')
  const acknowledged = changes.filter(({ returnedAt }) => returnedAt !== undefined)
  if (found === undefined) {
    const lost = acknowledged.find(
      write =>
        write.kind === 'write' &&
        !changes.some(
          ({ kind, returnedAt }) => kind === 'delete' && (returnedAt ?? Infinity) > write.invokedAt
        )
    )
    return lost === undefined ? [] : [`${key} is lost: ${lost.value} was acknowledged and never deleted`]
  }
  const write = changes.find(({ value }) => value === found)
  if (write === undefined) return [`${key} has ${found}, which nobody wrote`]
  const later = acknowledged.find(({ invokedAt }) => invokedAt > (write.returnedAt ?? Infinity))
  return later === undefined
    ? []
    : [`${key} has ${found}, although ${later.kind} ${later.value ?? ''} came after it`]
}
