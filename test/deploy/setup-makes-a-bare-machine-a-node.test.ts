// `setup.sh` on a Debian that has nothing of Ringkeep: a first run, what it refuses without changing
// anything, a second run as an upgrade, and its removal; then the same where systemd runs, with clients that
// must not notice anything.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createBareRoot, copyProject, type BareRoot } from '../support/cluster/bare-root.ts'
import { boot, type BootedRoot } from '../support/cluster/booted-root.ts'
import { brokenBulk, type BulkOptions } from '../support/cluster/bulk.ts'
import { ended, writePairs } from '../support/cluster/lab.ts'
import { startLoad } from '../support/cluster/load.ts'
import { until } from '../support/cluster/memcached.ts'
import { createNetwork } from '../support/cluster/network.ts'
import { mayCutNetworks, needs } from '../support/cluster/programs.ts'

t.setTimeout(900_000)

const PROJECT = '/srv/ringkeep'
const SETUP = `${PROJECT}/setup.sh`
const ADDRESS = '127.0.0.1:5000'

const read = (root: BareRoot, path: string): string => readFileSync(join(root.path, path), 'utf8')

/** What a run may change. */
function stateOf(root: BareRoot): string {
  const files = ['etc/ringkeep/node.env', 'etc/ringkeep/memcached.env', 'etc/systemd/system/ringkeep.service']
  const texts = files.map(file => (existsSync(join(root.path, file)) ? read(root, file) : undefined))
  return JSON.stringify([
    ...texts,
    existsSync(join(root.path, 'opt/ringkeep'))
      ? readdirSync(join(root.path, 'opt/ringkeep/releases'))
      : undefined
  ])
}

async function refuses(
  t: Test,
  root: BareRoot,
  args: readonly string[],
  words: RegExp,
  options: Parameters<BareRoot['run']>[1] = {}
): Promise<void> {
  const before = stateOf(root)
  const { code, stderr } = await root.run([SETUP, ...args], options)
  t.equal(code, 1, args.join(' '))
  t.match(stderr, words)
  t.equal(stderr.trim().split('\n').length, 1, 'one line')
  t.equal(stateOf(root), before, 'nothing was changed')
}

/** A Memcached that is not ours; the function that it resolves with ends it. */
async function startOther(t: Test, network: string, port: number): Promise<() => Promise<unknown>> {
  const other = spawn(
    'ip',
    [
      'netns',
      'exec',
      network,
      'memcached',
      '-u',
      'nobody',
      '-l',
      '127.0.0.1',
      '-p',
      String(port),
      '-m',
      '64'
    ],
    { stdio: 'ignore' }
  )
  const exited = once(other, 'exit')
  t.teardown(() => other.kill('SIGTERM'))
  await until('it listens', async () =>
    (await ended('ip', ['netns', 'exec', network, 'ss', '-Hltn'])).stdout.includes(`:${port} `)
  )
  return () => {
    other.kill('SIGTERM')
    return exited
  }
}

t.test('from nothing to a node, and back', async t => {
  if (!needs(t, 'debootstrap', 'unshare', 'git', 'nsenter', 'systemd-nspawn') || !(await mayCutNetworks(t))) {
    return
  }
  const root = await createBareRoot(t)
  await copyProject(root, PROJECT)
  const site = await (await createNetwork(t)).site()
  const network = site.namespace

  await t.test('what cannot be done changes nothing', async t => {
    await refuses(t, root, ['--sideways'], /unknown option --sideways/)
    await refuses(t, root, ['--address', '192.0.2.9:5000'], /192\.0\.2\.9 is no address of this machine/)
    await refuses(t, root, ['--address', 'http://127.0.0.1'], /--address is HOST:PORT/)
    for (const port of ['0', '65536', '99999', '11311']) {
      await refuses(t, root, ['--address', `127.0.0.1:${port}`], /--address is HOST:PORT/)
    }
    await refuses(t, root, ['--address', ADDRESS, '--memory', 'much'], /--memory is a number of MB/)
    await refuses(t, root, ['--address', ADDRESS], /CLUSTER_TOKEN consists of letters, digits/, {
      env: { CLUSTER_TOKEN: 'two words' }
    })
    const asNobody = await root.run([
      'setpriv',
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
      SETUP
    ])
    t.match(asNobody, { code: 1, stderr: /needs root/ })
    t.match(await root.run([SETUP, '--help']), { code: 0, stdout: /^usage: / })
  })

  await t.test('a port in use', async t => {
    const end = await startOther(t, network, 5_000)
    await refuses(t, root, ['--address', ADDRESS], /port 5000 is in use by another program: "memcached"/, {
      network
    })
    await end()
  })

  await t.test('a first run', async t => {
    const { code, stdout, stderr } = await root.run([SETUP, '--address', ADDRESS, '--memory', '64'], {
      env: { CLUSTER_TOKEN: 'of-the-first-node' }
    })
    t.equal(code, 0, stdout + stderr)
    t.match(stdout, /systemd does not run here/)
    const settings = read(root, 'etc/ringkeep/node.env')
    for (const line of [
      'NODE_ADDRESS=127.0.0.1:5000',
      'CLUSTER_TOKEN=of-the-first-node',
      'REQUIRE_TOKEN=1',
      'MEMCACHED=127.0.0.1:11311'
    ]) {
      t.match(settings, line)
    }
    t.equal(
      statSync(join(root.path, 'etc/ringkeep/node.env')).mode & 0o777,
      0o640,
      'the token is not for everybody to read'
    )
  })

  await t.test('it cannot become another node, or one of another cluster, by the way', async t => {
    await refuses(t, root, ['--address', '127.0.0.1:5001'], /this machine is node 127\.0\.0\.1:5000/)
    await refuses(t, root, [], /CLUSTER_TOKEN differs from the one in \/etc\/ringkeep\/node\.env/, {
      env: { CLUSTER_TOKEN: 'another' }
    })
  })

  await t.test('a run that ends half-way leaves what was there', async t => {
    const before = readlinkSync(join(root.path, 'opt/ringkeep/current'))
    const broken = '/srv/broken'
    cpSync(join(root.path, PROJECT), join(root.path, broken), { recursive: true })
    writeFileSync(join(root.path, broken, 'package-lock.json'), '{')
    t.match(await root.run([`${broken}/setup.sh`]), { code: 1, stderr: /cannot build the application/ })
    const offline = {
      npm_config_registry: 'http://127.0.0.1:1',
      npm_config_fetch_retries: '0',
      npm_config_cache: '/tmp/no-cache'
    }
    t.match(await root.run([SETUP], { env: offline }), { code: 1, stderr: /is the npm registry reachable\?/ })
    t.equal(readlinkSync(join(root.path, 'opt/ringkeep/current')), before)
  })

  await t.test('a second run is an upgrade', async t => {
    const before = readlinkSync(join(root.path, 'opt/ringkeep/current'))
    const shipped = read(root, 'etc/ringkeep/node.env')
    const settings = `${shipped.replace('HOST=0.0.0.0', 'HOST=127.0.0.1')}COPY_MB_PER_S=50\n`
    writeFileSync(join(root.path, 'etc/ringkeep/node.env'), settings)
    const { code, stdout, stderr } = await root.run([SETUP])
    t.equal(code, 0, stdout + stderr)
    t.equal(read(root, 'etc/ringkeep/node.env'), settings, "settings stay, the operator's own too")
    t.match(read(root, 'etc/systemd/system/ringkeep.socket'), 'ListenStream=127.0.0.1:5000\n')
    t.match(
      read(root, 'etc/needrestart/conf.d/ringkeep.conf'),
      /^\$nrconf\{override_rc\}\{qr\(\^ringkeep-memcached\)\} = 0;\n$/,
      'no upgrade of the system restarts its Memcached'
    )
    t.not(readlinkSync(join(root.path, 'opt/ringkeep/current')), before, 'the application is another')
    t.ok(existsSync(join(root.path, before)), 'the one before is there to go back to')
  })

  await t.test('a Memcached of somebody else', async t => {
    const end = await startOther(t, network, 11_311)
    await refuses(t, root, [], /a Memcached with other flags runs on port 11311/, { network })
    await end()
  })

  await t.test('removed', async t => {
    t.match(await root.run([SETUP, '--uninstall', '--purge']), { code: 0 })
    for (const path of [
      'opt/ringkeep',
      'etc/ringkeep',
      'var/lib/ringkeep',
      'etc/systemd/system/ringkeep.service',
      'etc/needrestart/conf.d/ringkeep.conf'
    ]) {
      t.notOk(existsSync(join(root.path, path)), path)
    }
    t.notMatch(read(root, 'etc/passwd'), 'ringkeep')
  })

  const machine = await boot(t, root, site)
  await t.test('under systemd', t => servesUnderSystemd(t, root, machine))
})

async function servesUnderSystemd(
  t: Test,
  root: BareRoot,
  { run, statesOf, site }: BootedRoot
): Promise<void> {
  const node = `${site.host}:5000`
  const door = `http://${node}`
  // What is to be installed has been fetched by the runs before.
  const offline = { npm_config_offline: 'true', CLUSTER_TOKEN: 'of-the-first-node' }
  const bulk: BulkOptions = { pairs: 300, valueBytes: 100 }

  await t.test('a first run', async t => {
    const { code, stdout, stderr } = await run(
      [SETUP, '--address', node, '--memory', '64', '--no-firewall'],
      offline
    )
    t.equal(code, 0, stdout + stderr)
    t.same(await statesOf('ringkeep.socket', 'ringkeep-memcached', 'ringkeep'), [
      'active',
      'active',
      'active'
    ])
    writeFileSync(join(root.path, 'root/nodes'), `${node} 5000\n`)
    const seeded = await run([`${PROJECT}/reconfigure.sh`, '--nodes', '/root/nodes', '--replicas', '1'])
    t.equal(seeded.code, 0, seeded.stderr)
    t.equal((await run(['curl', '-s', '--data', 'key=k&val=v', `${door}/route`])).stdout, 'OK')
    t.equal((await run(['curl', '-s', `${door}/route?key=k`])).stdout, 'v')
    t.match((await run(['curl', '-s', `${door}/fetch_keys`])).stdout, /KV_ERR_UNAUTHORIZED/)
    t.match(
      await run([`${PROJECT}/reconfigure.sh`, '--nodes', '/root/nodes'], { CLUSTER_TOKEN: 'another' }),
      { code: 1, stderr: /has another CLUSTER_TOKEN; nothing was changed/ }
    )
  })

  await t.test(
    'clients at the node itself only wait, at a restart and when a release that does not start ' +
      'gives way to the one before',
    async t => {
      const before = readlinkSync(join(root.path, 'opt/ringkeep/current'))
      const faulty = '/srv/faulty'
      cpSync(join(root.path, PROJECT), join(root.path, faulty), { recursive: true })
      appendFileSync(join(root.path, faulty, 'src/process/config.ts'), '\nprocess.exit(3)\n')
      await writePairs(bulk, door)
      const load = startLoad([door], { seed: 1, bulk, tell: line => t.comment(line) })
      t.match(await run(['systemctl', 'restart', 'ringkeep.service']), { code: 0 })
      t.match(await run([`${faulty}/setup.sh`], offline), {
        code: 1,
        stderr: /the new release does not answer; the one before, .*, runs again/
      })
      const { requests, failures, violations, longestPauseMs } = await load.end()
      t.comment(`${requests} requests, longest pause ${Math.round(longestPauseMs)} ms`)
      t.same(failures, [])
      t.same(violations, [])
      t.equal(readlinkSync(join(root.path, 'opt/ringkeep/current')), before)
      t.same(await brokenBulk(door, bulk), [])
    }
  )

  await t.test('removed', async t => {
    t.match(await run([SETUP, '--uninstall', '--purge']), { code: 0 })
    t.same(await statesOf('ringkeep.socket', 'ringkeep-memcached', 'ringkeep'), [
      'inactive',
      'inactive',
      'inactive'
    ])
    t.notOk(existsSync(join(root.path, 'var/lib/ringkeep')))
  })
}
