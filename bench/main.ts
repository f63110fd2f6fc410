// `npm run bench`: one node beside a bare Fastify, in one run, round by round; with `cluster` several nodes,
// alone and behind HAProxy, with `batch` many operations in a request, with `migrate` what changes of the
// ring take, and what clients notice of them, with `memory` what it all needs, with `scale` how far the
// design carries; `chart` draws what `node` and `cluster` have measured. `--quick` runs a short round of each
// and checks the answers; its figures mean nothing.

import { batch } from './batch.ts'
import { chart } from './chart.ts'
import { cluster } from './cluster.ts'
import { memory } from './memory.ts'
import { migrate } from './migrate.ts'
import { node } from './node.ts'
import { createBench } from './processes.ts'
import { scale } from './scale.ts'

const SUITES = { node, cluster, batch, migrate, memory, scale, chart }

const words = process.argv.slice(2).filter(arg => arg !== '--quick')
const [name = 'node', ...more] = words
const suite =
  more.length === 0 && Object.hasOwn(SUITES, name) ? SUITES[name as keyof typeof SUITES] : undefined
if (suite === undefined) {
  process.stderr.write(
    `bench: unknown arguments "${words.join(' ')}"; there are ${Object.keys(SUITES).join(', ')} and --quick\n`
  )
  process.exit(1)
}

const bench = await createBench()
try {
  await suite(bench, process.argv.includes('--quick'))
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  await bench.stop()
}
