// Plants small mistakes in what decides about data, one at a time, and runs the tests that cover it: `npm run mutate -- --count 30 --seed 1`, with
// `--file part-of-a-name` only those of some files, with `--app` the tests of whole nodes too. Each mistake that no test notices is printed, and wants a test or a
// reason why it does no harm. It works on a copy that is translated once, and takes some seconds for each mistake.

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import ts from 'typescript'
import { createChance } from '../support/checker/history.ts'
import { mutantsOf, type Mutant } from './mutants.ts'

const TARGETS = /^(?:plugins\/(?:replica|migration|ring)\/|src\/core\/|src\/memcached\/pairs\.ts$)/
/** Tests that need nothing but their process, and those of `app`, which run whole nodes in it. */
const TESTS = /^test\/(?:core\/|plugins\/|memcached\/|storage\/the-memory-driver-).*\.test\.ts$/
const APP_TESTS = /^test\/app\/.*\.test\.ts$/
/** A test that takes longer, hangs on the mistake. */
const TEST_MS = 60_000
/** Seeds of the simulation that each mistake has to pass as well. */
const SEEDS = 150

const { values } = parseArgs({ options: { count: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' }, file: { type: 'string', default: '' }, app: { type: 'boolean', default: false } } })

interface Candidate extends Mutant { readonly file: string }

const root = resolve(import.meta.dirname, '../..')
const sources = ['src', 'plugins', 'test'].flatMap(folder => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(file => `${folder}/${file}`)).filter(file => file.endsWith('.ts')).sort()
const folder = mkdtempSync(join(tmpdir(), 'ringkeep-mutate-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(130))

function translate (file: string, text: string): void {
  const to = join(folder, file.replace(/\.ts$/, '.js'))
  mkdirSync(dirname(to), { recursive: true })
  const options = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true, rewriteRelativeImportExtensions: true }
  writeFileSync(to, ts.transpileModule(text, { compilerOptions: options, fileName: file }).outputText)
}

const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** What each file imports, itself included, to the end. */
function reach (file: string, known = new Set<string>()): Set<string> {
  if (known.has(file)) return known
  known.add(file)
  for (const [, path] of read(file).matchAll(/^(?:import|export) .*?from '(\.[^']+)'/gms)) reach(relative(root, resolve(root, dirname(file), path as string)), known)
  return known
}

/** True if the program ends well in time. */
function passes (args: readonly string[]): Promise<boolean> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore', env: { ...process.env, TAP_BAIL: '1' } })
    const timer = setTimeout(() => child.kill('SIGKILL'), TEST_MS)
    child.on('exit', code => {
      clearTimeout(timer)
      resolve(code === 0)
    })
  })
}

/** What notices the mistake; undefined: nothing does. */
async function noticedBy ({ file, text }: Candidate, tests: ReadonlyArray<readonly [test: string, reached: ReadonlySet<string>]>): Promise<string | undefined> {
  translate(file, text)
  try {
    for (const [test, reached] of tests) {
      if (reached.has(file) && !await passes([test.replace(/\.ts$/, '.js')])) return test
    }
    return await passes(['test/sim/main.js', '--count', String(SEEDS)]) ? undefined : 'the simulation'
  } finally {
    translate(file, read(file))
  }
}

for (const file of sources) translate(file, read(file))
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
writeFileSync(join(folder, 'package.json'), '{"type":"module"}')

const tests = sources.filter(file => TESTS.test(file) || (values.app && APP_TESTS.test(file))).map(test => [test, reach(test)] as const)
  // Those that reach little are close to the mistake, and fast.
  .sort((a, b) => a[1].size - b[1].size)
const chance = createChance(Number(values.seed))
const candidates = sources.filter(file => TARGETS.test(file) && file.includes(values.file))
  .flatMap(file => mutantsOf(file, read(file)).map((mutant): Candidate => ({ ...mutant, file })))
  .map(candidate => ({ candidate, order: chance() })).sort((a, b) => a.order - b.order).map(({ candidate }) => candidate)
const chosen = candidates.slice(0, Number(values.count))
let survivors = 0
for (const candidate of chosen) {
  const noticed = await noticedBy(candidate, tests)
  if (noticed === undefined) survivors++
  console.log(`${noticed === undefined ? 'SURVIVES' : 'noticed '} ${candidate.file}:${candidate.line} ${candidate.what}${noticed === undefined ? '' : `  [${noticed}]`}`)
}
console.log(`${chosen.length} of ${candidates.length} mistakes planted, ${survivors} not noticed`)
