// A bare Debian in a folder, as a fresh machine is, but for Node.js, which is copied from this one; commands
// run in it by chroot. systemd does not run in it.

import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Test } from 'tap'
import { locateProgram } from '../../../src/programs/local/programs.ts'
import { fileOfProject } from './ending.ts'
import { ended, type Ended } from './lab.ts'

export interface BareRoot {
  readonly path: string
  /** Runs a command in it, as root; `network`: the name of the network namespace, default this machine's. */
  run(
    command: readonly string[],
    options?: { readonly env?: NodeJS.ProcessEnv; readonly network?: string }
  ): Promise<Ended>
}

const DEBIAN = 'bookworm'
const SOURCE = 'http://deb.debian.org/debian'
/** What a machine has that somebody can log in to. */
const PACKAGES = 'ca-certificates,curl,iproute2,procps,systemd,systemd-sysv,dbus'
/** Where the certificates lie that this machine trusts, a proxy's perhaps among them. */
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt'

const execute = promisify(execFile)

/** Makes one; it goes with the test. `needs(t, 'debootstrap', 'unshare')` comes first. Takes a minute. */
export async function createBareRoot(t: Test): Promise<BareRoot> {
  const path = mkdtempSync(join(tmpdir(), 'ringkeep-root-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  await bootstrap(path)
  chmodSync(path, 0o755)
  copyNode(path)
  for (const file of ['/etc/resolv.conf', AUTHORITIES]) cpSync(file, join(path, file), { dereference: true })
  if (existsSync(join(homedir(), '.npmrc'))) cpSync(join(homedir(), '.npmrc'), join(path, 'root/.npmrc'))
  return {
    path,
    run(command, { env = {}, network } = {}) {
      const inside = network === undefined ? [] : [locateProgram('ip') as string, 'netns', 'exec', network]
      // Mounts are seen by this command and what it starts alone, and are gone with them.
      const mount = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
      const [program = 'unshare', ...args] = [
        ...inside,
        'unshare',
        '--mount',
        'sh',
        '-c',
        mount,
        path,
        ...programEnvironment(env),
        ...command
      ]
      return ended(program, args)
    }
  }
}

/** What a command in it begins with, to have this environment and nothing else in it. */
export function programEnvironment(env: NodeJS.ProcessEnv): string[] {
  const variables = Object.entries({
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    NODE_EXTRA_CA_CERTS: AUTHORITIES,
    ...env
  })
  return ['env', '-i', ...variables.map(([name, value]) => `${name}=${value}`)]
}

/** Fetches some hundred packages; once in a while one does not come. */
async function bootstrap(path: string, attempts = 3): Promise<void> {
  try {
    await execute(
      locateProgram('debootstrap') as string,
      ['--variant=minbase', `--include=${PACKAGES}`, DEBIAN, path, SOURCE],
      { maxBuffer: 16 * 1024 * 1024 }
    )
  } catch (error) {
    if (attempts === 1) throw error
    await bootstrap(path, attempts - 1)
  }
}

function copyNode(root: string): void {
  const npm = dirname(dirname(realpathSync(locateProgram('npm') as string)))
  mkdirSync(join(root, 'usr/local/lib/node_modules'), { recursive: true })
  cpSync(process.execPath, join(root, 'usr/local/bin/node'))
  cpSync(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'))
}

/** Copies the project, as it is checked out, into a folder of the root. */
export async function copyProject({ path }: BareRoot, folder: string): Promise<void> {
  mkdirSync(join(path, folder), { recursive: true })
  const copy =
    'git -C "$0" ls-files -z --cached --others --exclude-standard | tar -C "$0" --null ' +
    '--files-from=- --ignore-failed-read -cf - | tar -C "$1" --no-same-owner -xf -'
  await execute('sh', ['-c', copy, fileOfProject('.'), join(path, folder)])
}
