// No word in the source puts something off or silences the compiler.

import t from 'tap'
import { filesIn } from './files.ts'
import { leftForLater } from './rules.ts'

t.test('every file', async t => {
  t.same(
    filesIn('src', 'plugins').flatMap(({ path, text }) => leftForLater(text).map(what => `${path} ${what}`)),
    []
  )
})

t.test('the words are found', async t => {
  t.same(leftForLater('a\n// TODO: b\n// FIXME\n// @ts-ignore\n// @ts-nocheck'), [
    'line 2: TODO',
    'line 3: FIXME',
    'line 4: @ts-ignore',
    'line 5: @ts-nocheck'
  ])
  t.same(leftForLater('const methodOrder = autodoc'), [])
})
