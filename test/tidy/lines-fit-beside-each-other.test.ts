// Two files fit beside each other on a screen. The linter sees to the code; here are scripts, units and
// prose. haproxy.cfg is left out: what it says of one rule must stand on one line.

import { readdirSync } from 'node:fs'
import t from 'tap'
import { readText } from './files.ts'

const SCRIPT_WIDTH = 110
const PROSE_WIDTH = 120

function filesOf(folder: string, name: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter(entry => entry.isFile() && name.test(entry.name))
    .map(entry => `${entry.parentPath}/${entry.name}`)
    .filter(path => !path.includes('node_modules') && !path.startsWith('./dist'))
}

/** The lines of a file that are too wide. */
function tooWide(path: string, width: number, isExempt: (line: string) => boolean = () => false): string[] {
  return readText(path)
    .split('\n')
    .flatMap((line, i) => (line.length > width && !isExempt(line) ? [`${path}:${i + 1}`] : []))
}

t.test('scripts and units', async t => {
  const scripts = [
    ...filesOf('deploy', /\.(?:sh|service|socket|yaml)$|^Dockerfile$/),
    ...filesOf('bench', /\.lua$/)
  ]
  t.ok(scripts.length > 10)
  const all = ['.ci/run', 'setup.sh', 'reconfigure.sh', ...scripts]
  t.same(
    all.flatMap(path => tooWide(path, SCRIPT_WIDTH)),
    []
  )
})

t.test('prose, but for the rows of tables', async t => {
  const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...filesOf('docs', /\.md$/)]
  t.ok(pages.length > 15)
  t.same(
    pages.flatMap(path => tooWide(path, PROSE_WIDTH, line => line.startsWith('|'))),
    []
  )
})
