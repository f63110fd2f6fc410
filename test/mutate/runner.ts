// Runs test files one after the other in one process, as its parent names them, and ends with the first that
// fails. The parent may start it ahead of time: the packages that most tests need are there before it is told
// what to run.

import { join } from 'node:path'

// Tap listens as well, so this comes before it.
const told = new Promise<string[]>(resolve => process.once('message', resolve))
const { default: fc } = await import('fast-check')
const { default: t } = await import('tap')

// That a property fails is all that is asked; nobody looks at the example.
fc.configureGlobal({ endOnFailure: true })

for (const file of await told) {
  await import(join(process.cwd(), file.replace(/\.ts$/, '.js')))
  // Comes after all that the file has queued.
  await t.test(`${file} has ended`, async () => {})
  process.send?.(file)
}
process.disconnect()
