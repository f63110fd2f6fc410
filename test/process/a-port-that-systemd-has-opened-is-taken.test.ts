// systemd opens the port and passes it on, so that it stays open while the node is restarted: the node
// listens on that, in one process or in several.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fileOfProject } from '../support/cluster/ending.ts'
import { childrenOf } from '../support/cluster/cluster.ts'
import { startMemcached, until } from '../support/cluster/memcached.ts'
import { freePort } from '../support/cluster/ports.ts'
import { needs } from '../support/cluster/programs.ts'

interface Activated {
  readonly pid: number
  readonly passed: number
  readonly unused: number
  readonly ended: Promise<unknown[]>
  answers(port: number): Promise<number | undefined>
}

/** A node of `workers` workers that is started by the first connection to its port, as systemd does it. */
async function activate(t: Test, workers: number): Promise<Activated> {
  const memcached = await startMemcached(t, { socket: true })
  const folder = mkdtempSync(join(tmpdir(), 'ringkeep-activated-'))
  const [passed, unused] = [await freePort(), await freePort()]
  const settings = {
    HOST: '127.0.0.1',
    PORT: String(unused),
    STORAGE: 'memcached',
    MEMCACHED: memcached.address,
    STATE_DIR: folder,
    WORKERS: String(workers),
    LOG_LEVEL: 'silent'
  }
  const pass = Object.entries(settings).map(([name, value]) => `-E${name}=${value}`)
  const child = spawn(
    'systemd-socket-activate',
    ['-l', `127.0.0.1:${passed}`, ...pass, process.execPath, fileOfProject('dist/src/main.js')],
    { stdio: 'ignore' }
  )
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  const answers = (port: number) =>
    fetch(`http://127.0.0.1:${port}/livez`).then(
      answer => answer.status,
      () => undefined
    )
  return { pid: child.pid as number, passed, unused, ended, answers }
}

/** The workers of `pid` that listen on the port which it was passed: they have the same socket open. */
function listeners(pid: number): number[] {
  const socketsOf = (process: number) =>
    readdirSync(`/proc/${process}/fd`).map(fd => readlinkSync(`/proc/${process}/fd/${fd}`))
  const passed = readlinkSync(`/proc/${pid}/fd/3`)
  return childrenOf(pid).filter(worker => {
    try {
      return socketsOf(worker).includes(passed)
    } catch {
      return false
    }
  })
}

for (const workers of [0, 1, 2]) {
  t.test(`${workers} workers`, async t => {
    if (!needs(t, 'systemd-socket-activate', 'memcached')) return
    const { pid, passed, unused, ended, answers } = await activate(t, workers)
    // The first connection makes it start the node, and waits for it.
    await until('the port answers', async () => (await answers(passed)) === 200)
    t.equal(await answers(unused), undefined, 'it listens nowhere else')
    if (workers > 0) await until('every worker listens', () => listeners(pid).length === workers)
    const team = childrenOf(pid)
    t.equal(team.length, workers)
    if (workers === 0) return
    for (const worker of team.slice(1)) process.kill(worker, 'SIGKILL')
    await until(
      'a worker is replaced',
      () => childrenOf(pid).filter(worker => !team.slice(1).includes(worker)).length === workers
    )
    await until('the port answers again', async () => (await answers(passed)) === 200)
    for (const worker of childrenOf(pid)) process.kill(worker, 'SIGKILL')
    t.same(await ended, [1, null], 'without any worker it leaves the port to systemd, which starts it again')
  })
}

t.test('a worker that has not yet listened does not keep the port', async t => {
  if (!needs(t, 'systemd-socket-activate', 'memcached')) return
  for (let attempt = 1; attempt <= 10; attempt++) if (await endsWithoutTheSlowOne(t)) return
  t.fail('every worker listened before it could be stopped')
})

/** False: the worker that was to be slow was too quick. */
async function endsWithoutTheSlowOne(t: Test): Promise<boolean> {
  const { pid, passed, ended, answers } = await activate(t, 2)
  const answering = until('the port answers', async () => (await answers(passed)) === 200)
  await until('there are two workers', () => childrenOf(pid).length === 2)
  const [slow, other] = childrenOf(pid) as [number, number]
  process.kill(slow, 'SIGSTOP')
  t.teardown(() => process.kill(slow, 'SIGKILL'))
  await answering
  if (listeners(pid).includes(slow)) return false
  t.same(listeners(pid), [other])
  process.kill(other, 'SIGKILL')
  t.same(await ended, [1, null])
  return true
}
