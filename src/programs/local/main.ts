// The entry point of `npm start`: a whole cluster on this machine, until Ctrl-C.

import { createLocalCluster } from './cluster.ts'
import { HELP, readOptions, type LocalOptions } from './options.ts'
import { drawCluster } from './picture.ts'

const told = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => told.abort())

/** Runs the cluster until the process is told to stop; the exit code. */
async function run(options: LocalOptions): Promise<number> {
  const cluster = createLocalCluster(options, told.signal, complain)
  // The signal alone would not keep the process alive if every node had ended.
  const alive = setInterval(() => {}, 0x7fff_ffff)
  try {
    await cluster.start()
    process.stdout.write(drawCluster(options))
    if (!told.signal.aborted) await new Promise(resolve => told.signal.addEventListener('abort', resolve))
    return 0
  } catch (error) {
    if (told.signal.aborted) return 0
    throw error
  } finally {
    await cluster.stop()
    clearInterval(alive)
  }
}

function complain(line: string): void {
  process.stderr.write(`ringkeep: ${line}\n`)
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options.help) process.stdout.write(HELP)
  else process.exitCode = await run(options)
} catch (error) {
  complain((error as Error).message)
  process.exitCode = 1
}
