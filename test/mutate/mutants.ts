// Mutants of a source file: each is the file with one small mistake in it, of a kind that people make. A test that covers the file should notice every one.

import ts from 'typescript'

export interface Mutant {
  readonly line: number
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

/** Calls whose absence only an operator would notice. */
const TELLING = /^(?:await )?(?:\w+\.)*log\.|^meter|\.setAttribute/

export function mutantsOf (fileName: string, source: string): Mutant[] {
  const file = ts.createSourceFile(fileName, source, ts.ScriptTarget.Latest, true)
  const mutants: Mutant[] = []

  function put (node: ts.Node, replacement: string): void {
    const start = node.getStart(file)
    const line = file.getLineAndCharacterOfPosition(start).line + 1
    const what = `${node.getText(file)} -> ${replacement}`.replace(/\s+/g, ' ').slice(0, 160)
    mutants.push({ line, what, text: source.slice(0, start) + replacement + source.slice(node.end) })
  }

  function visit (node: ts.Node): void {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isImportDeclaration(node)) return
    if (ts.isIfStatement(node) || ts.isWhileStatement(node)) put(node.expression, `!(${node.expression.getText(file)})`)
    if (ts.isConditionalExpression(node)) put(node.condition, `!(${node.condition.getText(file)})`)
    if (ts.isBinaryExpression(node)) {
      const swapped = SWAPPED.get(node.operatorToken.kind)
      if (swapped !== undefined) put(node.operatorToken, swapped)
    }
    if (ts.isExpressionStatement(node) && !TELLING.test(node.getText(file))) put(node, ';')
    if (ts.isReturnStatement(node) && node.expression !== undefined) {
      const { kind } = node.expression
      if (kind === ts.SyntaxKind.TrueKeyword) put(node.expression, 'false')
      else if (kind === ts.SyntaxKind.FalseKeyword) put(node.expression, 'true')
      else if (kind !== ts.SyntaxKind.Identifier || node.expression.getText(file) !== 'undefined') put(node.expression, 'undefined')
    }
    ts.forEachChild(node, visit)
  }

  visit(file)
  return mutants
}
