// Recorded histories of an atomic register are accepted at any concurrency, and rejected once a read has gone
// back in time.

import t from 'tap'
import {
  createChance,
  createHistory,
  describeViolation,
  runClients,
  type Call,
  type History,
  type Outcome
} from '../support/checker/history.ts'
import { checkRegister, type Operation } from '../support/checker/linearizability.ts'

/**
 * Clients on registers that take each call at one instant, a random number of steps after its begin and
 * before its end; some outcomes are reported as unknown, and some of those take effect later or never.
 */
async function record(seed: number, clients: number, each: number, keys: string[]): Promise<History> {
  const history = createHistory()
  const chance = createChance(seed)
  const registers = new Map<string, string>()
  const steps = async (): Promise<void> => {
    for (let left = Math.floor(chance() * 6); left > 0; left--) await undefined
  }
  const apply = ({ kind, key, value }: Call): string | undefined => {
    if (kind === 'write') registers.set(key, value as string)
    else if (kind === 'delete') registers.delete(key)
    return registers.get(key)
  }
  const perform = async (_: number, call: Call): Promise<Outcome> => {
    await steps()
    const fate = chance()
    if (fate < 0.05) return { kind: 'failed' }
    if (fate < 0.15) {
      if (fate < 0.1) {
        steps()
          .then(() => apply(call))
          .catch(t.threw)
      }
      return { kind: 'unknown' }
    }
    const value = apply(call)
    await steps()
    return { kind: 'ok', value: call.kind === 'read' ? value : undefined }
  }
  await runClients({
    history,
    seed,
    clients,
    keys,
    reads: 0.5,
    deletes: 0.15,
    goOn: done => done < each,
    perform
  })
  return history
}

t.test('accepted, whatever the seed', async t => {
  for (let seed = 1; seed <= 200; seed++) {
    const violations = (await record(seed, 1 + (seed % 20), 20, ['a', 'b', 'c'])).violations()
    if (violations.length > 0) t.fail(`seed ${seed}: ${violations.map(describeViolation).join('\n')}`)
  }
})

t.test('rejected when a read finds what was overwritten before it began', async t => {
  let corrupted = 0
  for (let seed = 1; seed <= 200; seed++) {
    const operations = (await record(seed, 1 + (seed % 8), 30, ['a'])).operations('a')
    const victim = goneBackInTime(operations, createChance(seed))
    if (victim === undefined) continue
    corrupted++
    const verdict = checkRegister(
      operations.map(operation =>
        operation === victim.read ? { ...operation, value: victim.value } : operation
      )
    )
    if (verdict.linearizable) t.fail(`seed ${seed}: nothing was seen`)
  }
  t.ok(corrupted > 100, `${corrupted} histories were corrupted`)
})

/**
 * A read that began after a whole write or delete, which itself began after another whole write ended; and
 * that value.
 */
function goneBackInTime(
  operations: Operation[],
  chance: () => number
): { read: Operation; value: string } | undefined {
  const certain = operations.filter(({ returnedAt }) => returnedAt !== undefined)
  const reads = certain.filter(({ kind }) => kind === 'read')
  const read = reads[Math.floor(chance() * reads.length)]
  if (read === undefined) return undefined
  const later = certain.findLast(
    ({ kind, returnedAt }) => kind !== 'read' && (returnedAt as number) < read.invokedAt
  )
  const older = certain.findLast(
    ({ kind, returnedAt }) =>
      kind === 'write' && later !== undefined && (returnedAt as number) < later.invokedAt
  )
  return older === undefined ? undefined : { read, value: older.value as string }
}

t.test('many thousand operations of a hundred clients on one key', async t => {
  const history = await record(4711, 100, 100, ['a'])
  t.same(history.violations(), [])
  t.same(history.keys(), ['a'])
  t.ok(history.tally().ok > 5000 && history.tally().unknown > 500, 'enough of each outcome')
  const operations = history.operations('a')
  const read = operations.findLast(
    ({ kind, returnedAt }) => kind === 'read' && returnedAt !== undefined
  ) as Operation
  const first = operations.find(
    ({ kind, returnedAt }) => kind === 'write' && returnedAt !== undefined
  ) as Operation
  t.notOk(
    checkRegister(
      operations.map(operation => (operation === read ? { ...read, value: first.value } : operation))
    ).linearizable
  )
})

t.test('choices depend on the seed alone', async t => {
  const choices = async (seed: number): Promise<string[]> => {
    const calls: string[] = []
    const perform = async (client: number, call: Call): Promise<Outcome> => {
      calls.push(`${client} ${JSON.stringify(call)}`)
      return { kind: 'ok' }
    }
    await runClients({
      history: createHistory(),
      seed,
      clients: 3,
      keys: ['a', 'b'],
      reads: 0.4,
      deletes: 0.2,
      goOn: done => done < 20,
      perform
    })
    return calls.sort()
  }
  t.same(await choices(1), await choices(1))
  t.not(JSON.stringify(await choices(1)), JSON.stringify(await choices(2)))
})

t.test('a rejected call counts as unknown, and ending twice is a defect of the test', async t => {
  const history = createHistory()
  await runClients({
    history,
    seed: 1,
    clients: 1,
    keys: ['a'],
    reads: 0,
    deletes: 0,
    goOn: done => done < 1,
    perform: () => Promise.reject(new Error('reset'))
  })
  t.same(history.tally(), { ok: 0, failed: 0, unknown: 1 })
  t.match(history.operations('a'), [{ kind: 'write', value: '0.0', returnedAt: undefined }])
  const end = history.invoke(1, { kind: 'read', key: 'a' })
  end({ kind: 'ok', value: 'never written' })
  t.throws(() => end({ kind: 'failed' }), /twice/)
  t.match(
    describeViolation(history.violations()[0] as NonNullable<ReturnType<History['violations']>[0]>),
    /key a: a read found never written[^]*read -> never written/
  )
})
