// The entry point of a node, configured by the environment.

import cluster from 'node:cluster'
import { readConfig } from './process/config.ts'
import { runPrimary } from './process/primary.ts'
import { runSingle } from './process/single.ts'
import { runWorker } from './process/worker.ts'

try {
  const config = readConfig(process.env)
  if (cluster.isWorker) await runWorker(config)
  else if (config.workers > 0) await runPrimary(config)
  else await runSingle(config)
} catch (error) {
  process.stderr.write(`ringkeep: ${(error as Error).message}\n`)
  process.exit(1)
}
