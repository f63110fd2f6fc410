// The entry point of a node, configured by the environment.

import cluster from 'node:cluster'
import { readConfig } from './config.ts'
import { runPrimary } from './primary.ts'
import { runSingle } from './single.ts'
import { runWorker } from './worker.ts'

try {
  const config = readConfig(process.env)
  if (cluster.isWorker) await runWorker(config)
  else if (config.workers > 0) await runPrimary(config)
  else await runSingle(config)
} catch (error) {
  process.stderr.write(`ringkeep: ${(error as Error).message}\n`)
  process.exit(1)
}
