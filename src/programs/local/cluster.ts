// The local cluster as a whole: the order in which everything starts, and that all of it stops again.

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KvError } from '../../errors.ts'
import { REPLICAS_DEFAULT } from '../../limits.ts'
import { LOCAL_ANSWER_MS } from './limits.ts'
import { startBalancer, type Balancer } from './balancer.ts'
import { haproxyCommand, HOST, memcachedCommand, memcachedSocket, nodeCommand } from './commands.ts'
import { type LocalOptions } from './options.ts'
import { createProcesses, type Processes } from './processes.ts'
import { findProgram } from './programs.ts'

/** The tokens of the first two nodes; the third stands by. */
export const TOKENS = [3000, 8000] as const

export interface LocalCluster {
  /**
   * Resolves when the cluster takes requests. Throws `KV_ERR_CONFIG`, or an `AbortError` when the signal
   * aborts.
   */
  start(): Promise<void>
  /** Stops whatever runs; to be called after `start` has settled, however it went. */
  stop(): Promise<void>
}

/** A cluster that is not started yet. `report` gets one line whenever a process ends by itself. */
export function createLocalCluster(
  options: LocalOptions,
  signal: AbortSignal,
  report: (line: string) => void
): LocalCluster {
  const { frontPort, nodePorts, memcached } = options
  const nodes = nodePorts.map(port => `${HOST}:${port}`)
  const processes = createProcesses(signal, report)
  let folder: string | undefined
  let balancer: Balancer | undefined

  return {
    async start() {
      if (memcached) for (const program of ['memcached', 'haproxy'] as const) findProgram(program)
      await checkPortFree(frontPort, 'the balancer')
      for (const port of nodePorts) await checkPortFree(port, 'a node')
      if (memcached) folder = await mkdtemp(join(tmpdir(), 'ringkeep-'))
      if (folder !== undefined) await startMemcacheds(processes, nodePorts, folder)
      for (const port of nodePorts) await processes.launch('node', nodeCommand(port, folder))
      await seed(processes, nodes)
      if (folder === undefined) balancer = await startBalancer({ host: HOST, port: frontPort, nodes })
      else await processes.launch('front', await haproxyCommand(frontPort, nodes, folder))
      await untilReady(processes, `${HOST}:${frontPort}`)
      processes.settle()
    },
    async stop() {
      await balancer?.close()
      await processes.stop()
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    }
  }
}

async function startMemcacheds(
  processes: Processes,
  ports: readonly number[],
  folder: string
): Promise<void> {
  for (const port of ports) {
    await processes.launch('storage', memcachedCommand(port, folder))
    await processes.until(`the Memcached of ${port} accepts`, () => accepts(memcachedSocket(port, folder)))
  }
}

/** Gives all nodes, the standby too, one and the same ring, and waits until they serve it. */
async function seed(processes: Processes, nodes: readonly string[]): Promise<void> {
  const members = TOKENS.map((key, index) => ({ ip: nodes[index], key }))
  // The nodes have it too, and do not start with one that makes no sense.
  const replicas = Number(process.env.REPLICAS || REPLICAS_DEFAULT)
  const form = new URLSearchParams({
    data: JSON.stringify({ nodes: members, replicas, generation: Date.now() })
  })
  for (const node of nodes) {
    await processes.until(`node ${node} takes the ring`, () =>
      answersOk(node, '/hash_ring', { method: 'POST', body: form })
    )
  }
  for (const node of nodes) await untilReady(processes, node)
}

function untilReady(processes: Processes, address: string): Promise<void> {
  return processes.until(`${address} is ready`, () => answersOk(address, '/readyz'))
}

async function answersOk(address: string, path: string, init?: RequestInit): Promise<boolean> {
  const answer = await fetch(`http://${address}${path}`, {
    ...init,
    signal: AbortSignal.timeout(LOCAL_ANSWER_MS)
  })
  await answer.arrayBuffer()
  return answer.status === 200
}

async function accepts(socket: string): Promise<boolean> {
  const connection = connect(socket)
  await once(connection, 'connect')
  connection.destroy()
  return true
}

/** Throws `KV_ERR_CONFIG` if the port cannot be listened on. */
async function checkPortFree(port: number, whose: string): Promise<void> {
  const server = createServer().listen(port, HOST)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${code})`
    throw new KvError(
      'KV_ERR_CONFIG',
      `port ${port} on ${HOST}, for ${whose}, ${why}; --ports chooses others`
    )
  }
  const closed = once(server, 'close')
  server.close()
  await closed
}
