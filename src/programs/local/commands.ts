// How each program of the local cluster is called: its arguments and its environment, and nothing that
// happens to stand in the shell's environment for another node.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type ChildOptions } from './child.ts'
import { SOURCE_CONNECTIONS } from './limits.ts'
import { findProgram } from './programs.ts'

export const HOST = '127.0.0.1'

const NODE_PROGRAM = fileURLToPath(new URL('../../main.js', import.meta.url))
const HAPROXY_CONFIG = fileURLToPath(new URL('../../../../haproxy.cfg', import.meta.url))
const NODE_VARIABLES = [
  'HOST',
  'PORT',
  'NODE_ADDRESS',
  'STORAGE',
  'MEMCACHED',
  'WORKERS',
  'STATE_DIR',
  'CLUSTER_TOKEN'
]

/** A node with embedded storage or, given a folder, with the Memcached there. */
export function nodeCommand(port: number, folder: string | undefined): ChildOptions {
  const shell = Object.entries(process.env).filter(([name]) => !NODE_VARIABLES.includes(name))
  const storage =
    folder === undefined
      ? { STORAGE: 'memory', WORKERS: '0' }
      : {
          STORAGE: 'memcached',
          WORKERS: '2',
          MEMCACHED: memcachedSocket(port, folder),
          STATE_DIR: join(folder, String(port))
        }
  const env = {
    LOG_LEVEL: 'warn',
    ...Object.fromEntries(shell),
    ...storage,
    HOST,
    PORT: String(port),
    NODE_ADDRESS: `${HOST}:${port}`
  }
  return { name: `node ${HOST}:${port}`, program: process.execPath, args: [NODE_PROGRAM], env, echo: true }
}

/** Where the Memcached of the node on this port listens. */
export function memcachedSocket(port: number, folder: string): string {
  return join(folder, `${port}.sock`)
}

/**
 * The Memcached of the node on this port. `-M`: it refuses when it is full, and never drops what was
 * acknowledged.
 */
export function memcachedCommand(port: number, folder: string): ChildOptions {
  const asRoot = process.getuid?.() === 0 ? ['-u', 'root'] : []
  const args = ['-s', memcachedSocket(port, folder), '-U', '0', '-M', '-m', '256', ...asRoot]
  return {
    name: `the Memcached of node ${HOST}:${port}`,
    program: findProgram('memcached'),
    args,
    env: process.env,
    echo: false
  }
}

/** HAProxy before three nodes (`host:port` each), as the user who runs the cluster. */
export async function haproxyCommand(
  port: number,
  nodes: readonly string[],
  folder: string
): Promise<ChildOptions> {
  const env = {
    ...process.env,
    RINGKEEP_USER: await idOf('-un'),
    RINGKEEP_GROUP: await idOf('-gn'),
    RINGKEEP_MAXCONN: '1000',
    RINGKEEP_SOURCE_CONNS: String(SOURCE_CONNECTIONS),
    RINGKEEP_BIND: `${HOST}:${port}`,
    RINGKEEP_STATS: `unix@${join(folder, 'stats.sock')}`,
    ...Object.fromEntries(nodes.map((node, index) => [`RINGKEEP_N${index + 1}`, node]))
  }
  return {
    name: 'HAProxy',
    program: findProgram('haproxy'),
    args: ['-db', '-f', HAPROXY_CONFIG],
    env,
    echo: false
  }
}

async function idOf(flag: string): Promise<string> {
  return (await promisify(execFile)('id', [flag])).stdout.trim()
}
