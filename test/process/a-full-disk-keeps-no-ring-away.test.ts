// A node whose disk is full still writes down the ring and its votes: others need its answer, and a change
// would stop their clients' writes until somebody makes room. It keeps some bytes of the disk for that.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { ringToJson } from '../../src/core/ring/ring-json.ts'
import { ringOf } from '../keeper/keeper-fakes.ts'

const SCRIPT = `
  import { writeFileSync } from 'node:fs'
  import { createStateFiles } from './dist/src/keeper/state-file.js'
  import { parseRing } from './dist/src/core/ring/ring-json.js'
  const [folder, first, second] = process.argv.slice(1)
  const { ring, votes } = createStateFiles(folder)
  await ring.read()
  await ring.write(parseRing(first))
  let errors = 0
  for (let bytes = 1 << 20, name = 0; bytes >= 1; bytes >>= 1) {
    try { for (;;) writeFileSync(folder + '/filler-' + name++, Buffer.alloc(bytes, 1)) } catch { errors++ }
  }
  await ring.write(parseRing(second))
  await votes.write({ life: 7, forgetful: true })
  console.log(JSON.stringify({ errors, epoch: (await ring.read()).epoch, life: (await votes.read()).life }))
`

const spell = (epoch: number) => JSON.stringify(ringToJson(ringOf(epoch)))

t.test('ring and votes', async t => {
  const folder = join(t.testdir(), 'state')
  const mounted = 'mkdir -p "$0" && mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@"'
  const told = execFileSync(
    'unshare',
    [
      '-rm',
      'sh',
      '-c',
      mounted,
      folder,
      process.execPath,
      '--input-type=module',
      '-e',
      SCRIPT,
      folder,
      spell(1),
      spell(2)
    ],
    { encoding: 'utf8' }
  )
  t.match(JSON.parse(told), { errors: 21, epoch: 2, life: 7 })
})
