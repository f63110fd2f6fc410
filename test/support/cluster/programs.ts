// Programs and rights that some tests need and some machines lack: there such a test is skipped, with a word,
// except in CI, where a test that did not run proves nothing and so fails.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Test } from 'tap'
import { locateProgram } from '../../../src/programs/local/programs.ts'

/**
 * True if every program is installed. Else the test is marked as skipped (in CI: failed) and false is the
 * sign to return from it at once.
 */
export function needs(t: Test, ...programs: string[]): boolean {
  const missing = programs.filter(program => locateProgram(program) === undefined)
  if (missing.length === 0) return true
  return lacking(t, `needs ${missing.join(' and ')}, not installed here`)
}

/** Marks the test as skipped, in CI as failed. */
function lacking(t: Test, words: string): false {
  if (process.env.CI === 'true') t.fail(words)
  else t.pass(words, { skip: words })
  return false
}

/** True if this process may make network namespaces; else the test is marked as skipped, in CI as failed. */
export async function mayCutNetworks(t: Test): Promise<boolean> {
  if (!needs(t, 'ip')) return false
  const ip = locateProgram('ip') as string
  const name = `rk${process.pid}try`
  try {
    await promisify(execFile)(ip, ['netns', 'add', name])
    await promisify(execFile)(ip, ['netns', 'del', name])
    return true
  } catch (error) {
    return lacking(t, `needs the right to make network namespaces: ${(error as Error).message}`)
  }
}
