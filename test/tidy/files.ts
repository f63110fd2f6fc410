// The project's own files, by their paths from its root.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** Every TypeScript file below the folders, in order; folders that are not there have none. */
export function filesIn(...folders: string[]): SourceFile[] {
  return folders
    .filter(folder => existsSync(join(ROOT, folder)))
    .flatMap(folder =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter(name => name.endsWith('.ts'))
        .map(name => `${folder}/${name.replaceAll('\\', '/')}`)
        .sort()
        .map(path => ({ path, text: readText(path) }))
    )
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}
