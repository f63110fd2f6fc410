// A network that can be cut: each node in a network namespace of its own, all on one bridge of this machine.
// A cut is silent, as that of a cable is: what either side sends to the other vanishes, and open connections
// only notice by their deadlines.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { locateProgram } from '../../../src/programs/local/programs.ts'
import { type Ending } from './ending.ts'

/** Where a node is to run. */
export interface Site {
  readonly host: string
  /** The name of its network namespace. */
  readonly namespace: string
  /** What its command begins with. */
  readonly command: readonly string[]
}

export interface TestNetwork {
  /** A namespace for one more node. */
  site(): Promise<Site>
  /** Cuts two nodes (`host:port` each) from one another; both keep every other node. */
  cut(a: string, b: string): Promise<void>
  heal(a: string, b: string): Promise<void>
}

/** Nobody has this hardware address, so what is sent there vanishes. */
const NOWHERE = '02:00:00:00:00:01'

/** The system takes its time to remove a network, so no name is used twice. */
let networks = 0

const run = promisify(execFile)

async function ip(...args: string[]): Promise<void> {
  await run(locateProgram('ip') as string, args)
}

/** `mayCutNetworks(t)` comes first. */
export async function createNetwork(t: Ending): Promise<TestNetwork> {
  const name = `rk${process.pid}i${++networks}`
  const subnet = `10.231.${((process.pid + networks) % 250) + 1}`
  let sites = 0
  await ip('link', 'add', name, 'type', 'bridge')
  t.teardown(() => ip('link', 'del', name))
  await ip('addr', 'add', `${subnet}.254/24`, 'dev', name)
  await ip('link', 'set', name, 'up')

  const hostOf = (address: string) => address.slice(0, address.lastIndexOf(':'))
  const namespaceOf = (address: string) => `${name}n${hostOf(address).split('.')[3]}`
  const bothWays = async (a: string, b: string, neighbour: (other: string) => string[]): Promise<void> => {
    await ip('-n', namespaceOf(a), 'neigh', ...neighbour(hostOf(b)), 'dev', 'eth0')
    await ip('-n', namespaceOf(b), 'neigh', ...neighbour(hostOf(a)), 'dev', 'eth0')
  }

  return {
    async site() {
      const host = `${subnet}.${++sites}`
      const namespace = `${name}n${sites}`
      const link = `${name}v${sites}`
      await ip('netns', 'add', namespace)
      t.teardown(() => ip('netns', 'del', namespace))
      await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
      // The namespace lives on until the last of its connections has given up.
      t.teardown(() => ip('link', 'del', link))
      await ip('link', 'set', link, 'master', name, 'up')
      await ip('-n', namespace, 'addr', 'add', `${host}/24`, 'dev', 'eth0')
      await ip('-n', namespace, 'link', 'set', 'eth0', 'up')
      await ip('-n', namespace, 'link', 'set', 'lo', 'up')
      return { host, namespace, command: [locateProgram('ip') as string, 'netns', 'exec', namespace] }
    },
    cut: (a, b) => bothWays(a, b, other => ['replace', other, 'lladdr', NOWHERE, 'nud', 'permanent']),
    heal: (a, b) => bothWays(a, b, other => ['del', other])
  }
}
