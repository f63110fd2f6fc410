// Mutants of a source file: each is the file with one small mistake in it, of a kind that people make. A test
// that covers the file should notice every one.

import ts from 'typescript'

export interface Mutant {
  readonly line: number
  /** The name of the function that it is in; '' outside of any. */
  readonly in: string
  /** What was there, and what is there now. */
  readonly what: string
  readonly text: string
}

const SWAPPED = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [ts.SyntaxKind.AmpersandAmpersandToken, '||'],
  [ts.SyntaxKind.BarBarToken, '&&'],
  [ts.SyntaxKind.PlusToken, '-'],
  [ts.SyntaxKind.MinusToken, '+']
])

const EQUALITIES: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken
])

/** Calls whose absence only an operator would notice. */
const TELLING = /^(?:await )?(?:\w+\.)*log\.|^meter|\.setAttribute/

const SIDE_CHARS = 70
/** However the code is laid out. */
const onOneLine = (text: string) => text.replace(/\s+/g, ' ').replace(/ (?=\.\w)/g, '')
const short = (text: string) => onOneLine(text).slice(0, 2 * SIDE_CHARS)

/** The name of the innermost function around the node that has one. */
function nameAround(node: ts.Node): string {
  for (let at = node.parent; at !== undefined; at = at.parent) {
    const named = ts.isArrowFunction(at) || ts.isFunctionExpression(at) ? at.parent : at
    const isNamed = ts.isFunctionLike(at) || ts.isVariableDeclaration(at) || ts.isPropertyAssignment(at)
    const name = isNamed ? (named as Partial<ts.NamedDeclaration>).name : undefined
    if (name !== undefined && ts.isIdentifier(name)) return name.text
  }
  return ''
}

export function mutantsOf(fileName: string, source: string): Mutant[] {
  const file = ts.createSourceFile(fileName, source, ts.ScriptTarget.Latest, true)
  const mutants: Mutant[] = []

  function put(
    node: ts.Node,
    replacement: string,
    what = `${short(node.getText(file))} -> ${short(replacement)}`
  ): void {
    const start = node.getStart(file)
    const line = file.getLineAndCharacterOfPosition(start).line + 1
    mutants.push({
      line,
      in: nameAround(node),
      what,
      text: source.slice(0, start) + replacement + source.slice(node.end)
    })
  }

  /** As `put`, shown with as much of both sides as tells it from others. */
  function swap({ left, operatorToken, right }: ts.BinaryExpression, operator: string): void {
    const before = onOneLine(left.getText(file)).slice(-SIDE_CHARS)
    const after = onOneLine(right.getText(file)).slice(0, SIDE_CHARS)
    put(operatorToken, operator, `${before} ${operatorToken.getText(file)} ${after} -> ${operator}`)
  }

  function negate(condition: ts.Expression): void {
    // An equality is swapped anyway.
    if (!ts.isBinaryExpression(condition) || !EQUALITIES.has(condition.operatorToken.kind)) {
      put(condition, `!(${condition.getText(file)})`)
    }
  }

  function visit(node: ts.Node): void {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isImportDeclaration(node)) return
    if (ts.isIfStatement(node) || ts.isWhileStatement(node)) negate(node.expression)
    if (ts.isConditionalExpression(node)) negate(node.condition)
    if (ts.isBinaryExpression(node)) {
      const swapped = SWAPPED.get(node.operatorToken.kind)
      if (swapped !== undefined) swap(node, swapped)
    }
    if (ts.isExpressionStatement(node) && !TELLING.test(node.getText(file))) put(node, ';')
    if (ts.isReturnStatement(node) && node.expression !== undefined) {
      const { kind } = node.expression
      if (kind === ts.SyntaxKind.TrueKeyword) put(node.expression, 'false')
      else if (kind === ts.SyntaxKind.FalseKeyword) put(node.expression, 'true')
      else if (kind !== ts.SyntaxKind.Identifier || node.expression.getText(file) !== 'undefined') {
        put(node.expression, 'undefined')
      }
    }
    ts.forEachChild(node, visit)
  }

  visit(file)
  return mutants
}
