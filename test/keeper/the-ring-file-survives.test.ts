// The ring file is on the disk as a whole or not at all, and what is no ring stops the start instead of being
// overwritten.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createStateFiles, noStateFiles } from '../../src/keeper/state-file.ts'
import { createKeeper } from '../../src/keeper/keeper.ts'
import { pino } from 'pino'
import { fakeRecord, NODE, OTHER, ringOf } from './keeper-fakes.ts'

const joint = { ...ringOf(4), next: ringOf(4).tokens.slice(1), pending: [OTHER], since: 4 }

t.test('what was written is read', async t => {
  const folder = join(t.testdir(), 'made', 'when', 'missing')
  t.equal(await createStateFiles(folder).ring.read(), undefined)
  for (const ring of [ringOf(1), joint, ringOf(5)]) {
    await createStateFiles(folder).ring.write(ring)
    t.same(await createStateFiles(folder).ring.read(), ring)
  }
  t.same(readdirSync(folder), ['reserve', 'ring.json'], 'nothing else is left')
})

t.test('a write that was interrupted leaves the old ring', async t => {
  const folder = t.testdir()
  await createStateFiles(folder).ring.write(ringOf(1))
  writeFileSync(join(folder, 'ring.json.new'), '{"ring":{"30')
  t.same(await createStateFiles(folder).ring.read(), ringOf(1))
  await createStateFiles(folder).ring.write(ringOf(2))
  t.same(await createStateFiles(folder).ring.read(), ringOf(2))
})

t.test('a write that fails leaves the old ring', async t => {
  const folder = t.testdir()
  await createStateFiles(folder).ring.write(ringOf(1))
  mkdirSync(join(folder, 'ring.json.new'))
  await t.rejects(createStateFiles(folder).ring.write(ringOf(2)))
  t.same(await createStateFiles(folder).ring.read(), ringOf(1))
})

for (const damaged of [
  '',
  '{',
  'null',
  '{"ring":{}}',
  JSON.stringify({ ...ringOf(1), ring: { 3000: 'nobody' } }),
  '\0\0\0\0'
]) {
  t.test(`a file that holds ${JSON.stringify(damaged).slice(0, 30)} stops the start`, async t => {
    const folder = t.testdir()
    const path = join(folder, 'ring.json')
    writeFileSync(path, damaged)
    const keeper = createKeeper({
      node: NODE,
      files: createStateFiles(folder),
      record: fakeRecord().record,
      log: pino({ level: 'silent' }),
      nowMs: Date.now
    })
    await t.rejects(keeper.start(), { code: 'KV_ERR_CONFIG', message: /^STATE_DIR/ })
    t.equal(readFileSync(path, 'utf8'), damaged, 'it is left as it is')
  })
}

t.test('a folder that cannot be used stops the start and names the variable', async t => {
  const folder = t.testdir({ file: '', other: { 'ring.json': {} } })
  await t.rejects(createStateFiles(join(folder, 'file', 'below')).ring.read(), {
    code: 'KV_ERR_CONFIG',
    message: /^STATE_DIR/
  })
  await t.rejects(createStateFiles(join(folder, 'other')).ring.read(), {
    code: 'KV_ERR_CONFIG',
    message: /^STATE_DIR/
  })
})

t.test('without a folder nothing is kept', async t => {
  await noStateFiles.ring.write(ringOf(1))
  t.equal(await noStateFiles.ring.read(), undefined)
})
