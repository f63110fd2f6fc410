// The command line of the local cluster.

import { KvError } from '../../errors.ts'

export interface LocalOptions {
  readonly help: boolean
  /** Real Memcached and HAProxy in place of the embedded storage and balancer. */
  readonly memcached: boolean
  readonly frontPort: number
  readonly nodePorts: readonly [number, number, number]
}

const PORTS = '8080,5001,5002,5003'

export const HELP = `npm start -- [--memcached] [--ports ${PORTS}]

  Runs a whole cluster on 127.0.0.1: two nodes on the ring, a standby, a balancer in front.
Ctrl-C stops all of it.

  --memcached   a real Memcached for each node (on a Unix socket in a temporary folder, which goes at the end)
                and a real HAProxy in front, instead of embedded storage and balancer
  --ports LIST  the ports of the balancer and of the three nodes
  --help        this text

  REPLICAS and LOG_LEVEL (default: warn) in the environment are handed to the nodes.
`

/** The options that the arguments ask for. Throws `KV_ERR_CONFIG`. */
export function readOptions(args: readonly string[]): LocalOptions {
  let help = false
  let memcached = false
  let ports = PORTS
  for (let at = 0; at < args.length; at++) {
    if (args[at] === '--help') help = true
    else if (args[at] === '--memcached') memcached = true
    else if (args[at] === '--ports') ports = args[++at] ?? ''
    else throw new KvError('KV_ERR_CONFIG', `unknown argument ${args[at]}; --help names them all`)
  }
  const [front, ...nodes] = readPorts(ports)
  return {
    help,
    memcached,
    frontPort: front as number,
    nodePorts: nodes as unknown as LocalOptions['nodePorts']
  }
}

function readPorts(text: string): number[] {
  const ports = text.split(',').map(port => (/^[0-9]{1,5}$/.test(port) ? Number(port) : NaN))
  const valid =
    ports.length === 4 && new Set(ports).size === 4 && ports.every(port => port >= 1 && port <= 65535)
  if (!valid) {
    throw new KvError('KV_ERR_CONFIG', `--ports takes four different ports, such as ${PORTS}, not "${text}"`)
  }
  return ports
}
