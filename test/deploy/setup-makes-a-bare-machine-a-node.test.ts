// `setup.sh` on a Debian that has nothing of Ringkeep: a first run, what it refuses without changing anything, a second run as an upgrade, the service
// by the command lines of its units, and its removal.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createBareRoot, copyProject, type BareRoot } from '../support/bare-root.ts'
import { ended } from '../support/lab.ts'
import { until } from '../support/memcached.ts'
import { mayCutNetworks, needs } from '../support/programs.ts'

t.setTimeout(900_000)

const PROJECT = '/srv/ringkeep'
const SETUP = `${PROJECT}/setup.sh`
const ADDRESS = '127.0.0.1:5000'
const READY_MS = 60_000

const read = (root: BareRoot, path: string): string => readFileSync(join(root.path, path), 'utf8')

/** What a run may change. */
function stateOf (root: BareRoot): string {
  const files = ['etc/ringkeep/node.env', 'etc/ringkeep/memcached.env', 'etc/systemd/system/ringkeep.service']
  const texts = files.map(file => existsSync(join(root.path, file)) ? read(root, file) : undefined)
  return JSON.stringify([...texts, existsSync(join(root.path, 'opt/ringkeep')) ? readdirSync(join(root.path, 'opt/ringkeep/releases')) : undefined])
}

async function refuses (t: Test, root: BareRoot, args: readonly string[], words: RegExp, options: Parameters<BareRoot['run']>[1] = {}): Promise<void> {
  const before = stateOf(root)
  const { code, stderr } = await root.run([SETUP, ...args], options)
  t.equal(code, 1, args.join(' '))
  t.match(stderr, words)
  t.equal(stderr.trim().split('\n').length, 1, 'one line')
  t.equal(stateOf(root), before, 'nothing was changed')
}

/** Starts a unit's program as its user, with its environment, in the root and the network namespace; it ends with the test. */
function startUnit (t: Test, root: BareRoot, network: string, unit: string): void {
  const text = read(root, `etc/systemd/system/${unit}`)
  const of = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? ''
  const script = `mount -t proc proc "$0/proc" && exec chroot "$0" setpriv --reuid ${of('User')} --regid ${of('User')} --clear-groups env -i sh -c 'set -a; . ${of('EnvironmentFile')}; cd ${of('WorkingDirectory') || '/'}; exec ${of('ExecStart')}'`
  const child = spawn('ip', ['netns', 'exec', network, 'unshare', '--mount', 'sh', '-c', script, root.path], { stdio: ['ignore', 'ignore', 'inherit'], env: { PATH: process.env.PATH } })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await exited
  })
}

/** A Memcached that is not ours; the function that it resolves with ends it. */
async function startOther (t: Test, network: string, port: number): Promise<() => Promise<unknown>> {
  const other = spawn('ip', ['netns', 'exec', network, 'memcached', '-u', 'nobody', '-l', '127.0.0.1', '-p', String(port), '-m', '64'], { stdio: 'ignore' })
  const exited = once(other, 'exit')
  t.teardown(() => other.kill('SIGTERM'))
  await until('it listens', async () => (await ended('ip', ['netns', 'exec', network, 'ss', '-Hltn'])).stdout.includes(`:${port} `))
  return () => {
    other.kill('SIGTERM')
    return exited
  }
}

async function createNetwork (t: Test): Promise<string> {
  const name = `rkroot${process.pid}`
  for (const args of [['netns', 'add', name], ['-n', name, 'link', 'set', 'lo', 'up']]) t.equal((await ended('ip', args)).code, 0)
  t.teardown(() => ended('ip', ['netns', 'del', name]))
  return name
}

t.test('from nothing to a node, and back', async t => {
  if (!needs(t, 'debootstrap', 'unshare', 'git') || !await mayCutNetworks(t)) return
  const root = await createBareRoot(t)
  await copyProject(root, PROJECT)
  const network = await createNetwork(t)

  await t.test('what cannot be done changes nothing', async t => {
    await refuses(t, root, ['--sideways'], /unknown option --sideways/)
    await refuses(t, root, ['--address', '192.0.2.9:5000'], /192\.0\.2\.9 is no address of this machine/)
    await refuses(t, root, ['--address', 'http://127.0.0.1'], /--address is HOST:PORT/)
    for (const port of ['0', '65536', '99999', '11311']) await refuses(t, root, ['--address', `127.0.0.1:${port}`], /--address is HOST:PORT/)
    await refuses(t, root, ['--address', ADDRESS, '--memory', 'much'], /--memory is a number of MB/)
    await refuses(t, root, ['--address', ADDRESS], /CLUSTER_TOKEN consists of letters, digits/, { env: { CLUSTER_TOKEN: 'two words' } })
    const asNobody = await root.run(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', SETUP])
    t.match(asNobody, { code: 1, stderr: /needs root/ })
    t.match(await root.run([SETUP, '--help']), { code: 0, stdout: /^usage: / })
  })

  await t.test('a port in use', async t => {
    const end = await startOther(t, network, 5_000)
    await refuses(t, root, ['--address', ADDRESS], /port 5000 is in use by another program: "memcached"/, { network })
    await end()
  })

  await t.test('a first run', async t => {
    const { code, stdout, stderr } = await root.run([SETUP, '--address', ADDRESS, '--memory', '64'], { env: { CLUSTER_TOKEN: 'of-the-first-node' } })
    t.equal(code, 0, stdout + stderr)
    t.match(stdout, /systemd does not run here/)
    const settings = read(root, 'etc/ringkeep/node.env')
    for (const line of ['NODE_ADDRESS=127.0.0.1:5000', 'CLUSTER_TOKEN=of-the-first-node', 'REQUIRE_TOKEN=1', 'MEMCACHED=127.0.0.1:11311']) t.match(settings, line)
    t.equal(statSync(join(root.path, 'etc/ringkeep/node.env')).mode & 0o777, 0o640, 'the token is not for everybody to read')
  })

  await t.test('it cannot become another node, or one of another cluster, by the way', async t => {
    await refuses(t, root, ['--address', '127.0.0.1:5001'], /this machine is node 127\.0\.0\.1:5000/)
    await refuses(t, root, [], /CLUSTER_TOKEN differs from the one in \/etc\/ringkeep\/node\.env/, { env: { CLUSTER_TOKEN: 'another' } })
  })

  await t.test('a run that ends half-way leaves what was there', async t => {
    const before = readlinkSync(join(root.path, 'opt/ringkeep/current'))
    const broken = '/srv/broken'
    cpSync(join(root.path, PROJECT), join(root.path, broken), { recursive: true })
    writeFileSync(join(root.path, broken, 'package-lock.json'), '{')
    t.match(await root.run([`${broken}/setup.sh`]), { code: 1, stderr: /cannot build the application/ })
    const offline = { npm_config_registry: 'http://127.0.0.1:1', npm_config_fetch_retries: '0', npm_config_cache: '/tmp/no-cache' }
    t.match(await root.run([SETUP], { env: offline }), { code: 1, stderr: /is the npm registry reachable\?/ })
    t.equal(readlinkSync(join(root.path, 'opt/ringkeep/current')), before)
  })

  await t.test('a second run is an upgrade', async t => {
    const before = readlinkSync(join(root.path, 'opt/ringkeep/current'))
    const settings = `${read(root, 'etc/ringkeep/node.env')}COPY_MB_PER_S=50\n`
    writeFileSync(join(root.path, 'etc/ringkeep/node.env'), settings)
    const { code, stdout, stderr } = await root.run([SETUP])
    t.equal(code, 0, stdout + stderr)
    t.equal(read(root, 'etc/ringkeep/node.env'), settings, 'settings stay, the operator\'s own too')
    t.not(readlinkSync(join(root.path, 'opt/ringkeep/current')), before, 'the application is another')
    t.ok(existsSync(join(root.path, before)), 'the one before is there to go back to')
  })

  await t.test('a Memcached of somebody else', async t => {
    const end = await startOther(t, network, 11_311)
    await refuses(t, root, [], /a Memcached with other flags runs on port 11311/, { network })
    await end()
  })

  await t.test('the units\' command lines serve', async t => {
    mkdirSync(join(root.path, 'var/lib/ringkeep'), { recursive: true })
    t.equal((await root.run(['chown', 'ringkeep:ringkeep', '/var/lib/ringkeep'])).code, 0)
    startUnit(t, root, network, 'ringkeep-memcached.service')
    startUnit(t, root, network, 'ringkeep.service')
    const curl = async (...args: string[]) => (await root.run(['curl', '-s', '-m', '10', ...args], { network })).stdout
    await until('the node lives', async () => (await curl(`http://${ADDRESS}/livez`)).includes('"alive":true'), READY_MS)
    writeFileSync(join(root.path, 'tmp/nodes'), `${ADDRESS} 5000\n`)
    const seeded = await root.run([`${PROJECT}/reconfigure.sh`, '--nodes', '/tmp/nodes', '--replicas', '1'], { network })
    t.equal(seeded.code, 0, seeded.stderr)
    t.equal(await curl('--data', 'key=k&val=v', `http://${ADDRESS}/route`), 'OK')
    t.equal(await curl(`http://${ADDRESS}/route?key=k`), 'v')
    t.match(await curl(`http://${ADDRESS}/fetch_keys`), /KV_ERR_UNAUTHORIZED/)
    const wrongToken = await root.run([`${PROJECT}/reconfigure.sh`, '--nodes', '/tmp/nodes'], { network, env: { CLUSTER_TOKEN: 'another' } })
    t.match(wrongToken, { code: 1, stderr: /has another CLUSTER_TOKEN; nothing was changed/ })
  })

  await t.test('removed', async t => {
    t.match(await root.run([SETUP, '--uninstall', '--purge']), { code: 0 })
    for (const path of ['opt/ringkeep', 'etc/ringkeep', 'var/lib/ringkeep', 'etc/systemd/system/ringkeep.service']) t.notOk(existsSync(join(root.path, path)), path)
    t.notMatch(read(root, 'etc/passwd'), 'ringkeep')
  })
})
