// systemd opens the port and passes it on, so that it stays open while the node is restarted: the node listens on that, in one process or in
// several.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { fileOfProject } from '../support/ending.ts'
import { childrenOf } from '../support/cluster.ts'
import { startMemcached, until } from '../support/memcached.ts'
import { freePort } from '../support/ports.ts'
import { needs } from '../support/programs.ts'

for (const workers of [0, 1, 2]) {
  t.test(`${workers} workers`, async t => {
    if (!needs(t, 'systemd-socket-activate', 'memcached')) return
    const memcached = await startMemcached(t, { socket: true })
    const folder = mkdtempSync(join(tmpdir(), 'ringkeep-activated-'))
    const [passed, unused] = [await freePort(), await freePort()]
    const settings = { HOST: '127.0.0.1', PORT: String(unused), STORAGE: 'memcached', MEMCACHED: memcached.address, STATE_DIR: folder, WORKERS: String(workers), LOG_LEVEL: 'silent' }
    const pass = Object.entries(settings).map(([name, value]) => `-E${name}=${value}`)
    const child = spawn('systemd-socket-activate', ['-l', `127.0.0.1:${passed}`, ...pass, process.execPath, fileOfProject('dist/src/main.js')], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    t.teardown(async () => {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    })
    const answers = (port: number) => fetch(`http://127.0.0.1:${port}/livez`).then(answer => answer.status, () => undefined)
    // The first connection makes it start the node, and waits for it.
    await until('the port answers', async () => await answers(passed) === 200)
    t.equal(await answers(unused), undefined, 'it listens nowhere else')
    const team = childrenOf(child.pid as number)
    t.equal(team.length, workers)
    if (workers === 0) return
    for (const worker of team.slice(1)) process.kill(worker, 'SIGKILL')
    await until('a worker is replaced', () => childrenOf(child.pid as number).filter(worker => !team.slice(1).includes(worker)).length === workers)
    await until('the port answers again', async () => await answers(passed) === 200)
    for (const worker of childrenOf(child.pid as number)) process.kill(worker, 'SIGKILL')
    t.same(await ended, [1, null], 'without any worker it leaves the port to systemd, which starts it again')
  })
}
