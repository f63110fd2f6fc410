// The rules that keep the source in order, as functions over the text of a file, so that each can be shown to
// fail.

import { posix } from 'node:path'
import ts from 'typescript'

export interface Import {
  readonly specifier: string
  /** Nothing of it is there at run time. */
  readonly typeOnly: boolean
}

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true)
}

/** Calls `visit` for every node of the file, from the outside inwards. */
function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, child => walk(child, visit))
}

/** What a file imports: by `import`, by `export ... from` and by `import()` of a literal. */
export function importsOf(text: string): Import[] {
  const imports: Import[] = []
  walk(parse(text), node => {
    if (ts.isImportDeclaration(node)) {
      imports.push({
        specifier: (node.moduleSpecifier as ts.StringLiteral).text,
        typeOnly: isTypeOnly(node.importClause)
      })
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      imports.push({ specifier: (node.moduleSpecifier as ts.StringLiteral).text, typeOnly: node.isTypeOnly })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      imports.push({
        specifier: specifier !== undefined && ts.isStringLiteral(specifier) ? specifier.text : '(computed)',
        typeOnly: false
      })
    }
  })
  return imports
}

function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const named = clause.namedBindings
  return (
    clause.name === undefined &&
    named !== undefined &&
    ts.isNamedImports(named) &&
    named.elements.every(element => element.isTypeOnly)
  )
}

/**
 * What is where, from the top: imports only go down. What shares a floor does not import from one another.
 */
const FLOORS: ReadonlyArray<readonly string[]> = [
  ['src/main.ts'],
  ['src/process/'],
  ['src/app.ts'],
  ['plugins/'],
  ['src/keeper/', 'src/storage/', 'src/programs/'],
  ['src/core/'],
  ['src/limits.ts', 'src/errors.ts']
]
const CORE_FLOOR = FLOORS.length - 2

const CORE_MODULES = ['node:crypto', 'node:buffer', 'node:assert']

/** The floor of a file, and its room there. */
function placeOf(path: string): { readonly floor: number; readonly room: string } | undefined {
  for (const [floor, rooms] of FLOORS.entries()) {
    const room = rooms.find(room => path === room || (room.endsWith('/') && path.startsWith(room)))
    if (room !== undefined) return { floor, room }
  }
  return undefined
}

/** Why a file may not import something; undefined: it may. Paths are from the root. */
export function importFault(path: string, { specifier, typeOnly }: Import): string | undefined {
  const told = `${path} imports ${specifier}`
  const place = placeOf(path)
  if (place === undefined) return `${path} is in no room`
  if (specifier === '(computed)') return `${path} imports something that it computes`
  if (!specifier.startsWith('.')) {
    return place.floor >= CORE_FLOOR && !CORE_MODULES.includes(specifier)
      ? `${told}: the core does no I/O and stands alone`
      : undefined
  }
  const target = posix.join(posix.dirname(path), specifier)
  const targetPlace = placeOf(target)
  if (targetPlace === undefined) return `${told}: only what is in src and plugins`
  if (target.startsWith('plugins/') && path.startsWith('src/') && path !== 'src/app.ts') {
    return `${told}: only src/app.ts puts plugins together`
  }
  if (targetPlace.floor < place.floor) return `${told}: imports go down`
  if (targetPlace.floor === place.floor && targetPlace.room !== place.room) {
    return `${told}: it is on the same floor`
  }
  const [own, other] = [pluginOf(path), pluginOf(target)]
  if (own !== undefined && other !== undefined && own !== other && !typeOnly) {
    return `${told}: plugins meet through decorators`
  }
  return undefined
}

function pluginOf(path: string): string | undefined {
  return /^plugins\/([^/]+)\//.exec(path)?.[1]
}

export interface FunctionLength {
  readonly name: string
  readonly line: number
  readonly lines: number
}

/**
 * The functions of a file with their lengths: lines without those of the functions inside, which count by
 * themselves.
 */
export function functionLengths(text: string): FunctionLength[] {
  const source = parse(text)
  const lengths: FunctionLength[] = []
  walk(source, node => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return
    const line = lineOf(source, node.getStart())
    lengths.push({ name: nameOf(node), line, lines: spanOf(source, node) + 1 - innerLines(source, node) })
  })
  return lengths
}

/** The lines that the functions directly inside take, but for the line on which each begins. */
function innerLines(source: ts.SourceFile, outer: ts.Node): number {
  let lines = 0
  ts.forEachChild(outer, child => {
    lines += ts.isFunctionLike(child) && 'body' in child ? spanOf(source, child) : innerLines(source, child)
  })
  return lines
}

function spanOf(source: ts.SourceFile, node: ts.Node): number {
  return lineOf(source, node.getEnd()) - lineOf(source, node.getStart())
}

function lineOf(source: ts.SourceFile, position: number): number {
  return source.getLineAndCharacterOfPosition(position).line + 1
}

function nameOf(node: ts.SignatureDeclaration): string {
  const named =
    node.name ??
    (ts.isVariableDeclaration(node.parent) || ts.isPropertyAssignment(node.parent)
      ? node.parent.name
      : undefined)
  return named?.getText() ?? '(without a name)'
}

/** Lines of a file; the last may lack its end. */
export function lineCount(text: string): number {
  return text === '' ? 0 : text.replace(/\n$/, '').split('\n').length
}

/** Words that put something off or silence the compiler, with their lines. */
export function leftForLater(text: string): string[] {
  return text.split('\n').flatMap((line, i) => {
    const word = /\b(TODO|FIXME|XXX)\b|@ts-(ignore|nocheck)/.exec(line)?.[0]
    return word === undefined ? [] : [`line ${i + 1}: ${word}`]
  })
}

/** Where a catalogue of codes and a Markdown table, with each code and its status in a row, do not agree. */
export function catalogueFaults(
  catalogue: { readonly [code: string]: { readonly status: number } },
  markdown: string
): string[] {
  const rows = [...markdown.matchAll(/^\| *`(KV_ERR_[A-Z0-9_]+)` *\| *([0-9]{3}) *\|/gm)].map(
    ([, code, status]) => ({ code: code as string, status: Number(status) })
  )
  const faults = Object.keys(catalogue)
    .filter(code => !rows.some(row => row.code === code))
    .map(code => `${code} is not in the table`)
  for (const [i, { code, status }] of rows.entries()) {
    const expected = catalogue[code]?.status
    if (expected === undefined) faults.push(`${code} is in the table only`)
    else if (expected !== status) faults.push(`${code} has the status ${expected}, not ${status}`)
    if (rows.findIndex(row => row.code === code) < i) faults.push(`${code} is there twice`)
  }
  return faults
}

/**
 * The names by which a file uses the application: `app.ring`, `server.ring`, `{ ring } = app`,
 * `({ ring }: FastifyInstance)`, `Pick<FastifyInstance, 'ring'>`.
 */
export function usedOfApp(text: string): Set<string> {
  const used = new Set<string>()
  walk(parse(text), node => {
    if (ts.isPropertyAccessExpression(node) && /^(?:app|.*\.server)$/.test(node.expression.getText())) {
      used.add(node.name.text)
    }
    const isApp =
      (ts.isVariableDeclaration(node) && node.initializer?.getText() === 'app') ||
      (ts.isParameter(node) && node.type?.getText() === 'FastifyInstance')
    if (isApp && ts.isObjectBindingPattern(node.name)) {
      for (const element of node.name.elements) used.add((element.propertyName ?? element.name).getText())
    }
    if (ts.isTypeReferenceNode(node) && /^Pick<\s*FastifyInstance,/.test(node.getText())) {
      walk(node, inner => {
        if (ts.isStringLiteral(inner)) used.add(inner.text)
      })
    }
  })
  return used
}

/** What a plugin adds to the application, the names of `declare module 'fastify'`. */
export function addedToApp(text: string): Set<string> {
  const added = new Set<string>()
  walk(parse(text), node => {
    if (ts.isInterfaceDeclaration(node) && node.name.text === 'FastifyInstance') {
      for (const member of node.members) if (member.name !== undefined) added.add(member.name.getText())
    }
  })
  return added
}

/** The name of the plugin that a file makes, and the plugins that it says it needs. */
export function pluginOptions(text: string): { name: string; dependencies: string[] } | undefined {
  let found: { name: string; dependencies: string[] } | undefined
  walk(parse(text), node => {
    if (!ts.isCallExpression(node) || node.expression.getText() !== 'fp') return
    const [, options] = node.arguments
    if (options === undefined) return
    const strings: string[] = []
    walk(options, inner => {
      if (ts.isStringLiteral(inner)) strings.push(inner.text)
    })
    const [name, ...dependencies] = strings
    if (name !== undefined) found = { name, dependencies }
  })
  return found
}
