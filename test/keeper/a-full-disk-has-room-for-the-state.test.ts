// A reserve lies beside the state files. Where the disk is full it makes room for them, and it is there again
// as soon as there is room for it.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { createStateFiles } from '../../src/keeper/state-file.ts'
import { STATE_RESERVE_BYTES } from '../../src/limits.ts'
import { ringOf } from './keeper-fakes.ts'

/** A folder on a disk whose writes fail with what `failure` says. */
async function setup(t: Test) {
  const folder = t.testdir()
  const reserve = join(folder, 'reserve')
  const disk = { reserve, failure: (_bytes: number): string | undefined => undefined }
  const handle = await open(folder, 'r')
  const prototype = Object.getPrototypeOf(handle) as typeof handle
  await handle.close()
  const { writeFile } = prototype
  mock.method(prototype, 'writeFile', async function (this: typeof handle, data: string | Buffer) {
    const code = disk.failure(data.length)
    if (code !== undefined) throw Object.assign(new Error(code), { code })
    return writeFile.call(this, data)
  })
  t.teardown(() => mock.reset())
  const files = createStateFiles(folder)
  await files.ring.read()
  return { files, disk }
}

const isReserve = (bytes: number) => bytes === STATE_RESERVE_BYTES

t.test('the reserve is there from the start', async t => {
  const { disk } = await setup(t)
  t.equal(statSync(disk.reserve).size, STATE_RESERVE_BYTES)
})

for (const code of ['ENOSPC', 'EDQUOT']) {
  t.test(`a full disk: ${code}`, async t => {
    const { files, disk } = await setup(t)
    disk.failure = bytes => (existsSync(disk.reserve) || isReserve(bytes) ? code : undefined)
    await files.ring.write(ringOf(1))
    t.same(await files.ring.read(), ringOf(1))
    t.equal(existsSync(disk.reserve), false, 'what could be written of a reserve is not left')
    disk.failure = () => code
    await t.rejects(
      files.votes.write({ life: 1, forgetful: true }),
      { code },
      'nothing is left that could make room'
    )
    t.same(await files.ring.read(), ringOf(1))
    disk.failure = () => undefined
    await files.ring.write(ringOf(2))
    t.equal(statSync(disk.reserve).size, STATE_RESERVE_BYTES, 'there is room for it again')
  })
}

t.test('still full without the reserve', async t => {
  const { files, disk } = await setup(t)
  await files.ring.write(ringOf(1))
  disk.failure = () => 'ENOSPC'
  await t.rejects(files.ring.write(ringOf(2)), { code: 'ENOSPC' })
  t.same(await files.ring.read(), ringOf(1))
})

t.test('any other failure leaves it', async t => {
  const { files, disk } = await setup(t)
  disk.failure = () => 'EIO'
  await t.rejects(files.ring.write(ringOf(1)), { code: 'EIO' })
  t.equal(existsSync(disk.reserve), true)
})

t.test('nothing stays open', async t => {
  const { files, disk } = await setup(t)
  const openFiles = () => readdirSync('/proc/self/fd').length
  const before = openFiles()
  for (let epoch = 1; epoch <= 5; epoch++) await files.ring.write(ringOf(epoch))
  disk.failure = () => 'EIO'
  await t.rejects(files.ring.write(ringOf(6)))
  t.equal(openFiles(), before)
})
