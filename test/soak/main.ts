// `npm run soak`: four nodes under checked load through HAProxy, removed and added again one after the other
// for some minutes. Exit code 1 if anything of that was to be noticed. `-- --minutes 5 --seed 1 --replicas 3
// --pairs 100000` are the defaults.

import { createEnding } from '../support/cluster/ending.ts'
import { soak } from '../support/cluster/soak.ts'

const OPTIONS = { minutes: 5, seed: 1, replicas: 3, pairs: 100_000 }
const VALUE_BYTES = 100

/** The numbers that the command line names. Throws with what it cannot mean. */
function parseArguments(args: readonly string[]): typeof OPTIONS {
  const options = { ...OPTIONS }
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i]?.replace(/^--/, '') as keyof typeof OPTIONS
    const value = Number(args[i + 1])
    if (!(name in OPTIONS) || !(value > 0)) {
      throw new Error(
        `${args[i]} ${args[i + 1] ?? ''}: the options are ${Object.keys(OPTIONS)
          .map(option => `--${option} <number>`)
          .join(', ')}`
      )
    }
    options[name] = value
  }
  return options
}

const ending = createEnding()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    ending.end().finally(() => process.exit(1))
  })
}
try {
  const { minutes, seed, replicas, pairs } = parseArguments(process.argv.slice(2))
  const result = await soak(ending, {
    seed,
    replicas,
    bulk: { pairs, valueBytes: VALUE_BYTES },
    goOn: (_changes, elapsedMs) => elapsedMs < minutes * 60_000,
    tell: line => {
      process.stdout.write(`${line}\n`)
    }
  })
  const { requests, failures, violations, scarce, intact, longestPauseMs, p99Ms, changes, splits, rings } =
    result
  for (const violation of [...violations, ...splits]) process.stdout.write(`${violation}\n`)
  process.stdout.write(
    [
      `seed ${seed}, ${replicas} replicas, ${changes} changes`,
      `requests: ${requests}; failed: ${failures.length}; violations: ${violations.length}`,
      `pairs intact of ${pairs}, through each node: ${intact.join(', ')}; not at a quorum: ${scarce.length}`,
      `ring numbers with one ring each: ${rings - splits.length} of ${rings}`,
      `longest pause: ${Math.round(longestPauseMs)} ms; p99: ${p99Ms.toFixed(1)} ms`,
      ''
    ].join('\n')
  )
  if (
    failures.length > 0 ||
    violations.length > 0 ||
    scarce.length > 0 ||
    splits.length > 0 ||
    intact.some(count => count < pairs)
  ) {
    process.exitCode = 1
  }
} catch (error) {
  process.stderr.write(`soak: ${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  await ending.end()
}
