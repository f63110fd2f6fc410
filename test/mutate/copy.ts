// A copy of the project's TypeScript in JavaScript, in which a mistake can be planted in a moment.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import ts from 'typescript'

const ROOT = resolve(import.meta.dirname, '../..')

export interface Copy {
  readonly folder: string
  /** Paths of the project's TypeScript, from its root. */
  readonly sources: readonly string[]
  /** Puts a text of its own in place of a file's; without one, the file's own again. */
  plant(file: string, text?: string): void
}

/** A new copy, which goes when this process does. */
export function createCopy(): Copy {
  const sources = ['src', 'plugins', 'test']
    .flatMap(folder =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(file => `${folder}/${file}`)
    )
    .filter(file => file.endsWith('.ts'))
    .sort()
  const folder = mkdtempSync(join(tmpdir(), 'ringkeep-mutate-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

  function plant(file: string, text = read(file)): void {
    const to = join(folder, translatedPath(file))
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, translate(text))
  }

  for (const file of sources) plant(file)
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  return { folder, sources, plant }
}

const texts = new Map<string, string>()

/** The text of a file as it was when it was first read: the project may change under a long run. */
export function read(file: string): string {
  let text = texts.get(file)
  if (text === undefined) texts.set(file, (text = readFileSync(join(ROOT, file), 'utf8')))
  return text
}

export function translatedPath(file: string): string {
  return file.replace(/\.ts$/, '.js')
}

export function translate(text: string): string {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true
  }
  return ts.transpileModule(text, { compilerOptions }).outputText
}

/** What each file imports, itself included, to the end. */
export function reach(file: string, known = new Set<string>()): Set<string> {
  if (known.has(file)) return known
  known.add(file)
  for (const [, path] of read(file).matchAll(/^(?:import|export) .*?from '(\.[^']+)'/gms)) {
    reach(relative(ROOT, resolve(ROOT, dirname(file), path as string)), known)
  }
  return known
}
