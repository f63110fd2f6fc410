// Plants small mistakes in what decides about data, one at a time, and runs the tests that cover it: `npm run
// mutate -- --count 30 --seed 1`, with `--file part-of-a-name` (or of `name:line`; may be repeated) only
// those of some files, with `--app` the tests of whole nodes too. Each mistake that no test notices is
// printed, and wants a test or an entry in `survivors.json` that says why it does no harm; the exit status is
// then 1. It works on a copy that is translated once. Each test runs there once as it is, to learn which code
// it runs: a mistake is shown only to those that would run it.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createChance } from '../support/checker/history.ts'
import { createCopy, reach, read, translate, translatedPath } from './copy.ts'
import { hasRun } from './coverage.ts'
import { mutantsOf } from './mutants.ts'
import { createPrograms, type Known } from './programs.ts'
import { isArgued, outdated, readArgued, type Candidate } from './survivors.ts'

const TARGETS = [
  /^plugins\/(?:replica|migration|ring)\//,
  /^src\/(?:keeper|core)\//,
  /^src\/storage\/memcached\/(?:pairs|discard|sentinel)\.ts$/
]
/**
 * Tests that need nothing but their process and a Memcached, and those of `app`, which run whole nodes in it.
 */
const TESTS = /^test\/(?:core|keeper|plugins|storage)\/.*\.test\.ts$/
const APP_TESTS = /^test\/app\/.*\.test\.ts$/
/** Each mistake has to pass so many seeds of the simulation as well. What they run is learnt from a few. */
const SIMULATION = 'test/sim/main.ts'
const SEEDS = 150
const LEARN_SEEDS = 30
/** What was learnt of the tests. */
const MEMORY = join(import.meta.dirname, '../../.tap/mutate')

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    file: { type: 'string', multiple: true, default: [''] },
    app: { type: 'boolean', default: false }
  }
})

const copy = createCopy()
const programs = createPrograms(copy, MEMORY)
process.on('exit', programs.close)
const chance = createChance(Number(values.seed))
const all = copy.sources
  .filter(file => TARGETS.some(target => target.test(file)))
  .flatMap(file => mutantsOf(file, read(file)).map((mutant): Candidate => ({ ...mutant, file })))
const argued = readArgued()
const old = outdated(argued, all)
for (const entry of old) console.log(`survivors.json speaks of what is not there: ${JSON.stringify(entry)}`)
if (old.length > 0) process.exit(1)

const candidates = all.filter(({ file, line }) => values.file.some(part => `${file}:${line}:`.includes(part)))
const chosen = candidates
  .map(candidate => ({ candidate, order: chance() }))
  .sort((a, b) => a.order - b.order)
  .map(({ candidate }) => candidate)
  .slice(0, Number(values.count))
const files = new Set(chosen.map(({ file }) => file))

/** Once each, without a mistake. */
async function learnAll(): Promise<{ tests: Known[]; simulation: Known }> {
  const tests: Known[] = []
  for (const test of copy.sources.filter(file => TESTS.test(file) || (values.app && APP_TESTS.test(file)))) {
    if ([...reach(test)].some(file => files.has(file))) tests.push(await programs.learn(test))
  }
  const { file, coverage, tookMs } = await programs.learn(SIMULATION, ['--count', String(LEARN_SEEDS)])
  return { tests, simulation: { file, coverage, tookMs: (tookMs * SEEDS) / LEARN_SEEDS } }
}

/** Where the two texts begin to differ. */
function firstDifference(a: string, b: string): number {
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  return i
}

/** What notices the mistake; undefined: nothing does. `hits`: how often which test has noticed one. */
async function noticedBy(
  { file, text }: Candidate,
  { tests, simulation }: Awaited<ReturnType<typeof learnAll>>,
  hits: Map<string, number>
): Promise<string | undefined> {
  const place = firstDifference(translate(read(file)), translate(text))
  // V8 counts an operator with what is right of it, which may not be reached though what is left of it is.
  const runs = ({ coverage }: Known) =>
    [place - 1, place].some(at => hasRun(coverage, translatedPath(file), at))
  const worth = (test: Known) => ((hits.get(`${test.file} ${file}`) ?? 0) + 1) / (test.tookMs + 200)
  copy.plant(file, text)
  try {
    const noticing = await programs.firstToNotice(tests.filter(runs).sort((a, b) => worth(b) - worth(a)))
    if (noticing !== undefined) return noticing.file
    return runs(simulation) && (await programs.notices(simulation, ['--count', String(SEEDS)]))
      ? 'the simulation'
      : undefined
  } finally {
    copy.plant(file)
  }
}

const known = await learnAll()
console.log(`${known.tests.length} tests learnt in ${Math.round(performance.now() / 1000)} s`)
const hits = new Map<string, number>()
let survivors = 0
let harmless = 0
for (const mutant of chosen) {
  const told = `${mutant.file}:${mutant.line} ${mutant.in}: ${mutant.what}`
  if (isArgued(argued, mutant)) {
    harmless++
    continue
  }
  const noticed = await noticedBy(mutant, known, hits)
  if (noticed !== undefined) {
    hits.set(`${noticed} ${mutant.file}`, (hits.get(`${noticed} ${mutant.file}`) ?? 0) + 1)
  } else survivors++
  console.log(noticed === undefined ? `SURVIVES ${told}` : `noticed  ${told}  [${noticed}]`)
}
console.log(
  `${chosen.length} of ${candidates.length} mistakes: ${chosen.length - harmless - survivors} ` +
    `noticed, ${harmless} argued to be harmless, ${survivors} unexplained`
)
process.exit(survivors === 0 ? 0 : 1)
