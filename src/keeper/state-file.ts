// The state files: the node's own copies of its ring and of its votes, which outlive process and Memcached.
// Each is replaced as a whole, so a crash leaves the old text or the new one. Beside them lies a reserve:
// where the disk is full it makes room for them.

import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { KvError } from '../errors.ts'
import { STATE_RESERVE_BYTES } from '../limits.ts'
import { type Ring } from '../core/ring/ring.ts'
import { parseRing, ringToJson } from '../core/ring/ring-json.ts'
import { parseVotes, votesToText, type Votes } from '../core/consensus/voter.ts'

export interface StateFile<T> {
  /** Throws `KV_ERR_CONFIG` if there is a file that makes no sense, or none can be kept. */
  read(): Promise<T | undefined>
  /** Resolves when it is on the disk. */
  write(value: T): Promise<void>
}

/** What a node keeps on the disk. */
export interface StateFiles {
  readonly ring: StateFile<Ring>
  readonly votes: StateFile<Votes>
}

/** Keeps no files: ring and votes die with the process. */
export const noStateFiles: StateFiles = { ring: noFile(), votes: noFile() }

/** `ring.json` and `votes.json` in a folder, which is made if it is missing. */
export function createStateFiles(stateDir: string): StateFiles {
  const reserve = createReserve(join(stateDir, 'reserve'))
  return {
    ring: createFile(stateDir, 'ring.json', reserve, {
      parse: parseRing,
      format: ring => JSON.stringify(ringToJson(ring))
    }),
    votes: createFile(stateDir, 'votes.json', reserve, { parse: parseVotes, format: votesToText })
  }
}

interface Reserve {
  /** Takes room on the disk, as far as there is some and none is taken yet. */
  keep(): Promise<void>
  /** Gives it up; false: there was none. */
  release(): Promise<boolean>
}

function createReserve(path: string): Reserve {
  let isKept = false
  return {
    async keep() {
      if (isKept) return
      try {
        await synced(path, 'w', file => file.writeFile(Buffer.alloc(STATE_RESERVE_BYTES)))
        isKept = true
      } catch {
        // There is no room for it: what it got of that, if anything, is for the files themselves.
        await rm(path, { force: true }).catch(() => {})
      }
    },
    async release() {
      const wasKept = isKept
      isKept = false
      await rm(path, { force: true })
      return wasKept
    }
  }
}

function noFile<T>(): StateFile<T> {
  return { read: async () => undefined, write: async () => {} }
}

/** What a write on a full disk fails with, or on one whose quota is used up. */
const FULL = new Set(['ENOSPC', 'EDQUOT'])

interface Format<T> {
  parse(text: string): T
  format(value: T): string
}

function createFile<T>(
  stateDir: string,
  name: string,
  reserve: Reserve,
  { parse, format }: Format<T>
): StateFile<T> {
  const path = join(stateDir, name)

  async function read(): Promise<T | undefined> {
    let text: string
    try {
      await mkdir(stateDir, { recursive: true })
      await reserve.keep()
      text = await readFile(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new KvError('KV_ERR_CONFIG', `STATE_DIR: ${(error as Error).message}`)
    }
    try {
      return parse(text)
    } catch {
      throw new KvError(
        'KV_ERR_CONFIG',
        `STATE_DIR: ${path} is not what a node writes there; move it away to start without it`
      )
    }
  }

  async function write(value: T): Promise<void> {
    try {
      await replace(value)
    } catch (error) {
      if (!FULL.has((error as NodeJS.ErrnoException).code ?? '') || !(await reserve.release())) throw error
      await replace(value)
    }
    await reserve.keep()
  }

  async function replace(value: T): Promise<void> {
    const draft = `${path}.new`
    await synced(draft, 'w', file => file.writeFile(`${format(value)}\n`))
    await rename(draft, path)
    // The rename itself is in the folder.
    await synced(stateDir, 'r', async () => {})
  }

  return { read, write }
}

async function synced(
  path: string,
  flags: string,
  action: (file: Awaited<ReturnType<typeof open>>) => Promise<void>
): Promise<void> {
  const file = await open(path, flags)
  try {
    await action(file)
    await file.sync()
  } finally {
    await file.close()
  }
}
