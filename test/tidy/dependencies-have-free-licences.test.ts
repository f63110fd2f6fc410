// Whatever is installed to run a node may be used by everybody, and passed on: its licence is one of a few.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { fileOfProject } from '../support/cluster/ending.ts'

const LICENCES = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0']

interface LockFile {
  readonly packages: { readonly [path: string]: { readonly dev?: boolean; readonly license?: string } }
}

t.test('at run time', async t => {
  const { packages } = JSON.parse(readFileSync(fileOfProject('package-lock.json'), 'utf8')) as LockFile
  const installed = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true)
  t.ok(installed.length > 7)
  t.same(
    installed.filter(([, { license }]) => !LICENCES.includes(license ?? '')),
    []
  )
  t.match(readFileSync(fileOfProject('SECURITY.md'), 'utf8'), `${installed.length} packages`)
})
