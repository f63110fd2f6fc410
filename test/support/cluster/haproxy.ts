// A real HAProxy for system tests, with the project's own configuration, in front of up to three nodes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { startChild } from '../../../src/programs/local/child.ts'
import { haproxyCommand } from '../../../src/programs/local/commands.ts'
import { fileOfProject, type Ending } from './ending.ts'
import { until } from './memcached.ts'
import { freePort } from './ports.ts'

export const CONFIG = fileOfProject('haproxy.cfg')
/** Nothing listens there, so what has this address is down. */
const NOBODY = '127.0.0.1:1'

export interface TestHaproxy {
  readonly port: number
  /** `http://host:port`. */
  readonly url: string
  /** The path of the stats page's socket. */
  readonly stats: string
  /**
   * What the token-aware mode needs beside the configuration: the runtime socket and the map of slots, which
   * is empty at first.
   */
  readonly slots: { readonly socket: string; readonly map: string } | undefined
}

export interface HaproxyOptions {
  readonly tokenAware?: boolean
  /** The path of an authority's certificate: TLS to the nodes. */
  readonly ca?: string
  /** More of its environment. */
  readonly env?: NodeJS.ProcessEnv
  /** Changes the configuration, such as a time that is too long for a test. */
  readonly edit?: (config: string) => string
}

/**
 * Starts HAProxy before nodes (`host:port`) and waits until one of them answers through it. `needs(t,
 * 'haproxy')` comes first.
 */
export async function startHaproxy(
  t: Ending,
  nodes: readonly string[],
  { tokenAware = false, ca, env: more, edit }: HaproxyOptions = {}
): Promise<TestHaproxy> {
  if (nodes.length > 3) throw new Error('the configuration has three nodes')
  const folder = mkdtempSync(join(tmpdir(), 'ringkeep-haproxy-'))
  const port = await freePort()
  const command = await haproxyCommand(port, [...nodes, NOBODY, NOBODY].slice(0, 3), folder)
  const slots = tokenAware
    ? { socket: join(folder, 'admin.sock'), map: join(folder, 'slots.map') }
    : undefined
  if (slots !== undefined) writeFileSync(slots.map, '')
  const config = edit === undefined ? CONFIG : join(folder, 'haproxy.cfg')
  if (edit !== undefined) writeFileSync(config, edit(readFileSync(CONFIG, 'utf8')))
  const env = {
    ...command.env,
    ...more,
    ...(slots !== undefined && { RINGKEEP_SLOTS: slots.map, RINGKEEP_SOCKET: slots.socket }),
    ...(ca !== undefined && { RINGKEEP_CA: ca })
  }
  const child = await startChild({ ...command, env, args: ['-db', '-f', config] })
  t.teardown(async () => {
    if (child.running) await child.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const url = `http://127.0.0.1:${port}`
  await until('HAProxy finds a node ready', async () => {
    if (!child.running) throw new Error(`HAProxy did not start: ${child.lastWords}`)
    return (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200
  })
  const stats = join(folder, 'stats.sock')
  // Until then a request may be tried at them alone.
  await until('HAProxy has found that nobody is there', async () => {
    const table = await statsOf(stats)
    return ['n1', 'n2', 'n3']
      .slice(nodes.length)
      .every(name => new RegExp(`^nodes,${name},.*,DOWN,`, 'm').test(table))
  })
  return { port, url, stats, slots }
}

/** The statistics as CSV. */
function statsOf(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/;csv' }, answer => {
      text(answer).then(resolve, reject)
    })
      .on('error', reject)
      .end()
  })
}
