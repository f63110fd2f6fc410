// Finds the programs that the local cluster can run beside the nodes.

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { KvError } from '../../errors.ts'

/** The full path of a program in PATH or where Debian keeps servers; undefined: it is not installed. */
export function locateProgram(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map(folder => join(folder, program)).find(isExecutable)
}

/** The full path of a program. Throws `KV_ERR_CONFIG` with the way to install it. */
export function findProgram(program: 'memcached' | 'haproxy'): string {
  const path = locateProgram(program)
  if (path === undefined) {
    throw new KvError(
      'KV_ERR_CONFIG',
      `${program} is not installed; on Debian or Ubuntu: sudo apt-get install ${program}`
    )
  }
  return path
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
