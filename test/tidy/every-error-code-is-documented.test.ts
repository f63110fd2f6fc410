// The table of errors in docs/errors.md has every code of the catalogue once, with its status, and no other.

import t from 'tap'
import { CATALOGUE } from '../../src/errors.ts'
import { readText } from './files.ts'
import { catalogueFaults } from './rules.ts'

t.test('the table', async t => {
  t.same(catalogueFaults(CATALOGUE, readText('docs/errors.md')), [])
})

t.test('every kind of disagreement is found', async t => {
  const catalogue = { KV_ERR_A: { status: 400 }, KV_ERR_B2: { status: 503 } }
  const head = '| code | status | meaning |\n|---|---|---|\n'
  t.same(catalogueFaults(catalogue, `${head}| \`KV_ERR_A\` | 400 | a |\n|\`KV_ERR_B2\`|503|b|\n`), [])
  t.same(
    catalogueFaults(
      catalogue,
      `${head}| \`KV_ERR_A\` | 401 | a |\n| \`KV_ERR_C\` | 400 | c |\n| \`KV_ERR_A\` | 400 | a |`
    ),
    [
      'KV_ERR_B2 is not in the table',
      'KV_ERR_A has the status 400, not 401',
      'KV_ERR_C is in the table only',
      'KV_ERR_A is there twice'
    ]
  )
  t.same(catalogueFaults(catalogue, 'KV_ERR_A and KV_ERR_B2 in a sentence, `KV_ERR_A` | 400'), [
    'KV_ERR_A is not in the table',
    'KV_ERR_B2 is not in the table'
  ])
})
