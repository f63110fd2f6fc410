// A reader takes in a file at one sitting and a function at one glance. A function's length is without the
// functions inside it: what makes parts by closure is as long as what it does itself.

import t from 'tap'
import { filesIn } from './files.ts'
import { functionLengths, lineCount } from './rules.ts'

const SOURCE_LINES = 260
const TEST_LINES = 400
const FUNCTION_LINES = 45

const tooLong = (limit: number, ...folders: string[]) =>
  filesIn(...folders)
    .map(({ path, text }) => ({ path, lines: lineCount(text) }))
    .filter(({ lines }) => lines > limit)

t.test('files', async t => {
  t.same(tooLong(SOURCE_LINES, 'src', 'plugins'), [])
  t.same(tooLong(TEST_LINES, 'test', 'bench'), [])
})

t.test('functions', async t => {
  t.same(
    filesIn('src', 'plugins').flatMap(({ path, text }) =>
      functionLengths(text)
        .filter(({ lines }) => lines > FUNCTION_LINES)
        .map(it => ({ path, ...it }))
    ),
    []
  )
})

t.test('how lines are counted', async t => {
  t.same(['', 'a', 'a\n', 'a\nb', 'a\n\n'].map(lineCount), [0, 1, 1, 2, 2])
  const text = `
function outer () {
  const one = () => 1
  const inner = () => {
    one()
    one()
  }
  return { inner, method () {
    return 2
  } }
}
class Some {
  constructor () {
    this.x = 1
  }
}
abstract class Other { abstract none (): void }
interface Type { none (): void }
`
  t.same(functionLengths(text), [
    { name: 'outer', line: 2, lines: 5 },
    { name: 'one', line: 3, lines: 1 },
    { name: 'inner', line: 4, lines: 4 },
    { name: 'method', line: 8, lines: 3 },
    { name: '(without a name)', line: 13, lines: 3 }
  ])
  t.equal(functionLengths(`function long () {\n${'  x()\n'.repeat(60)}}`)[0]?.lines, 62)
})
