// Runs the simulation of a cluster whose ring changes: `npm run sim -- --seed N` repeats one seed exactly and
// tells what happened in it, and with `--trace` prints who sent what to whom and which ring came into force
// where. With `--count M` it runs that many from there on. Every seed that fails is printed with what went
// wrong; then the exit status is 1.

import { parseArgs } from 'node:util'
import { simulateRing } from '../support/simulation/ring-simulation.ts'

const USAGE = 'npm run sim -- --seed N [--count M | --trace]'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false }
  }
})
const first = wholeNumber(values.seed)
const count = wholeNumber(values.count)

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) {
    console.error(`${text} is not a whole number\n${USAGE}`)
    process.exit(2)
  }
  return Number(text)
}

/** What went wrong with a seed; undefined: nothing. */
async function faultOf(seed: number): Promise<string | undefined> {
  try {
    const { violations, counts, rings, history } = await simulateRing(
      seed,
      {},
      values.trace ? line => console.log(line) : undefined
    )
    if (count === 1) console.log(`rings:\n${rings.join('\n')}\nevents:`, counts, 'requests:', history.tally())
    return violations.length === 0 ? undefined : violations.join('\n')
  } catch (error) {
    return (error as Error).stack
  }
}

const startMs = performance.now()
const startCpu = process.cpuUsage()
let failed = 0
for (let seed = first; seed < first + count; seed++) {
  const fault = await faultOf(seed)
  if (fault === undefined) continue
  failed++
  console.log(`seed ${seed} fails\n${fault}\n`)
}
console.log(
  `${count} seeds from ${first} on, ${failed} failed, ` +
    `${((performance.now() - startMs) / count).toFixed(1)} ms each, ` +
    `${(process.cpuUsage(startCpu).user / 1000 / count).toFixed(1)} ms of CPU`
)
process.exitCode = failed === 0 ? 0 : 1
