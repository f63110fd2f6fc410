// What ends with whoever started it: a test's own teardown, or that of a program which is no test.

import { fileURLToPath } from 'node:url'

/** As much of a test as the helpers need that start processes. */
export interface Ending {
  /** Does something at the end; what was given last is done first. */
  teardown(act: () => unknown): unknown
}

/**
 * An ending for a program; `end` brings it about, and rejects after all of it has been done if some of it
 * failed.
 */
export function createEnding(): Ending & { end(): Promise<void> } {
  const acts: Array<() => unknown> = []
  return {
    teardown: act => acts.push(act),
    async end() {
      let failure: unknown
      for (let act = acts.pop(); act !== undefined; act = acts.pop()) {
        try {
          await act()
        } catch (error) {
          failure ??= error
        }
      }
      if (failure !== undefined) throw failure
    }
  }
}

/** A file of the project by its path from the root, from the source as well as from what is built of it. */
export function fileOfProject(path: string): string {
  const root = import.meta.url.endsWith('/dist/test/support/cluster/ending.js') ? '../../../..' : '../../..'
  return fileURLToPath(new URL(`${root}/${path}`, import.meta.url))
}
