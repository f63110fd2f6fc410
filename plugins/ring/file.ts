// The ring file: the node's own copy of its ring, which outlives process and Memcached. It is replaced as a whole, so a crash
// leaves the old ring or the new one.

import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { KvError } from '../../src/errors.ts'
import { parseRing, ringToJson, type Ring } from '../../src/core/ring.ts'

export interface RingFile {
  /** Throws `KV_ERR_CONFIG` if there is a file that is no ring, or none can be kept. */
  read (): Promise<Ring | undefined>
  /** Resolves when the ring is on the disk. */
  write (ring: Ring): Promise<void>
}

/** Keeps no file: the ring dies with the process. */
export const noRingFile: RingFile = {
  read: async () => undefined,
  write: async () => {}
}

/** `ring.json` in a folder, which is made if it is missing. */
export function createRingFile (stateDir: string): RingFile {
  const path = join(stateDir, 'ring.json')

  async function read (): Promise<Ring | undefined> {
    let text: string
    try {
      await mkdir(stateDir, { recursive: true })
      text = await readFile(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new KvError('KV_ERR_CONFIG', `STATE_DIR: ${(error as Error).message}`)
    }
    try {
      return parseRing(text)
    } catch {
      throw new KvError('KV_ERR_CONFIG', `STATE_DIR: ${path} is not a ring; move it away to start without one`)
    }
  }

  async function write (ring: Ring): Promise<void> {
    const draft = `${path}.new`
    await synced(draft, 'w', file => file.writeFile(`${JSON.stringify(ringToJson(ring))}\n`))
    await rename(draft, path)
    // The rename itself is in the folder.
    await synced(stateDir, 'r', async () => {})
  }

  return { read, write }
}

async function synced (path: string, flags: string, action: (file: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> {
  const file = await open(path, flags)
  try {
    await action(file)
    await file.sync()
  } finally {
    await file.close()
  }
}
