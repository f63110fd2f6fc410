// A bare Debian with systemd as its first process, in a network of its own: what a machine does with the
// units, without a machine.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Test } from 'tap'
import { locateProgram } from '../../../src/programs/local/programs.ts'
import { programEnvironment, type BareRoot } from './bare-root.ts'
import { childrenOf } from './cluster.ts'
import { ended, type Ended } from './lab.ts'
import { until } from './memcached.ts'
import { type Site } from './network.ts'

export interface BootedRoot {
  readonly site: Site
  /** Runs a command in it, as root. */
  run(command: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended>
  /** The states of units, as `systemctl is-active` tells them. */
  statesOf(...units: string[]): Promise<string[]>
}

/**
 * Boots a root at a site of a network; it is shut down with the test. `needs(t, 'systemd-nspawn', 'nsenter')`
 * and `mayCutNetworks(t)` come first.
 */
export async function boot(t: Test, { path }: BareRoot, site: Site): Promise<BootedRoot> {
  const flags = [
    '--quiet',
    '--boot',
    '--register=no',
    '--keep-unit',
    '--resolv-conf=off',
    '--timezone=off',
    '--directory',
    path,
    '--machine',
    site.namespace
  ]
  const container = spawn(
    locateProgram('systemd-nspawn') as string,
    [...flags, `--network-namespace-path=/run/netns/${site.namespace}`],
    { stdio: ['ignore', 'ignore', 'inherit'] }
  )
  const exited = once(container, 'exit')
  t.teardown(() => {
    container.kill('SIGTERM')
    return exited
  })
  const init = (): number | undefined => childrenOf(container.pid as number)[0]
  const run = (command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> => {
    const [program = 'nsenter', ...args] = [
      'nsenter',
      '--all',
      '--target',
      String(init()),
      ...programEnvironment(env),
      ...command
    ]
    return ended(program, args)
  }
  await until('systemd is up', async () => {
    if (container.exitCode !== null) throw new Error('systemd-nspawn has ended')
    return (
      init() !== undefined &&
      /^(running|degraded)$/m.test((await run(['systemctl', 'is-system-running'])).stdout)
    )
  })
  return {
    site,
    run,
    statesOf: async (...units) => (await run(['systemctl', 'is-active', ...units])).stdout.trim().split('\n')
  }
}
