// A state file is synced before it takes the place of the old one, and its folder after that: else a loss of
// power could leave neither, or the old one.

import { open } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mock } from 'node:test'
import t from 'tap'
import { createStateFiles } from '../../src/keeper/state-file.ts'
import { ringOf } from './keeper-fakes.ts'

t.test('the file, then its folder', async t => {
  const folder = t.testdir()
  const files = createStateFiles(folder)
  await files.ring.write(ringOf(1))
  const epochNow = () =>
    (JSON.parse(readFileSync(join(folder, 'ring.json'), 'utf8')) as { epoch: number }).epoch
  const handle = await open(folder, 'r')
  const prototype = Object.getPrototypeOf(handle) as typeof handle
  await handle.close()
  const synced: Array<'file' | 'folder'> = []
  const epochs: number[] = []
  const { sync } = prototype
  mock.method(prototype, 'sync', async function (this: typeof handle) {
    synced.push((await this.stat()).isDirectory() ? 'folder' : 'file')
    epochs.push(epochNow())
    return sync.call(this)
  })
  t.teardown(() => mock.reset())
  await files.ring.write(ringOf(2))
  t.same(synced.slice(0, 2), ['file', 'folder'])
  t.same(epochs.slice(0, 2), [1, 2], 'the old ring is there until the new one is on the disk')
})
