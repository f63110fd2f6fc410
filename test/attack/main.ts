// `npm run attack`: a real node, attacked from outside by somebody without its token, while an ordinary
// client uses it. Exit code 1 if it did not withstand. `-- --quick` takes less than a minute; `--seed 1` is
// the default; `--only slow-readers` runs what is named so.

import { createEnding } from '../support/cluster/ending.ts'
import { startCluster } from '../support/cluster/cluster.ts'
import { attack as bodies } from './bodies.ts'
import { attack as idle } from './idle.ts'
import { attack as malformed } from './malformed.ts'
import { attack as slowReaders, attackWithBatches } from './slow-readers.ts'
import { type Attack } from './verdict.ts'

const ATTACKS: { readonly [name: string]: Attack } = {
  bodies,
  idle,
  malformed,
  'slow-readers': slowReaders,
  'slow-batches': attackWithBatches
}

/** What the command line says. Throws with what it cannot mean. */
function parseArguments(args: readonly string[]): { quick: boolean; seed: number; names: string[] } {
  const options = { quick: false, seed: 1, names: Object.keys(ATTACKS) }
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--quick') options.quick = true
    else if (args[i] === '--seed' && Number(args[i + 1]) > 0) options.seed = Number(args[++i])
    else if (args[i] === '--only' && ATTACKS[args[i + 1] ?? ''] !== undefined) {
      options.names = [args[++i] as string]
    } else {
      throw new Error(
        `${args[i]}: the options are --quick, --seed <number>, --only ${Object.keys(ATTACKS).join(' | ')}`
      )
    }
  }
  return options
}

const tell = (line: string): void => {
  process.stdout.write(`${line}\n`)
}
const ending = createEnding()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    ending.end().finally(() => process.exit(1))
  })
}
try {
  const { quick, seed, names } = parseArguments(process.argv.slice(2))
  let failed = 0
  for (const name of names) {
    // A node of its own for each, so that none is judged by what another has left behind.
    const {
      nodes: [node]
    } = await startCluster(ending, {
      tokens: [9_999],
      replicas: 1,
      storage: 'memcached',
      memcached: { socket: true, flags: ['-m', '128'] },
      env: { WORKERS: '2' }
    })
    if (node === undefined) throw new Error('there is no node')
    const { faults, figures } = await (ATTACKS[name] as Attack)(
      { url: node.url, pids: node.workers() },
      { quick, seed, tell }
    )
    const rounded = (_name: string, value: unknown) =>
      typeof value === 'number' ? Math.round(value * 10) / 10 : value
    tell(`${name}: ${JSON.stringify(figures, rounded)}`)
    for (const fault of faults) tell(`${name}: NOT WITHSTOOD: ${fault}`)
    if (faults.length > 0) {
      failed++
      tell(node.output().slice(-2_000))
    }
    await node.stop()
  }
  tell(`${names.length - failed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
} catch (error) {
  process.stderr.write(`attack: ${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  await ending.end()
}
