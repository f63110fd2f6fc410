// The network lab for tests: five hosts, and one outside, by `deploy/netlab.sh`. There is one lab on a
// machine at a time.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test } from 'tap'
import { Agent, request } from 'undici'
import { type RingJson } from '../../../src/core/ring/ring-json.ts'
import { bulkKey, bulkValue, type BulkOptions } from './bulk.ts'
import { forEach, put } from './client.ts'
import { fileOfProject } from './ending.ts'
import { until } from './memcached.ts'
import { mayCutNetworks, needs } from './programs.ts'

export const BALANCER = 'http://172.23.0.6'
export const NODES = ['172.23.0.3:5000', '172.23.0.4:5000', '172.23.0.5:5000'] as const

/** All three as members, in the form of `reconfigure.sh`. */
export const THREE_MEMBERS = NODES.map((node, index) => `${node} ${(index + 1) * 3_000}\n`).join('')

export type Host = 'n1' | 'n2' | 'n3' | 'lb' | 'client' | 'outside'

/** How a command ended. */
export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Lab {
  /** A command of `deploy/netlab.sh`; throws if it fails. */
  command(...args: string[]): Promise<void>
  /** Runs a program on a host. */
  exec(host: Host, ...command: string[]): Promise<Ended>
  /**
   * Runs `reconfigure.sh` on the first node, with what `lines` say in place of the nodes at its top, and
   * waits until HAProxy has every node.
   */
  reconfigure(lines?: string, ...args: string[]): Promise<Ended>
}

const COMMAND_MS = 600_000
const SETTLE_MS = 60_000
const OUTPUT_BYTES = 16 * 1024 * 1024
const SECRET = 'the secret of the lab'.replaceAll(' ', '-')

/** True if this machine can have a lab; else the test is marked as skipped, in CI as failed. */
export async function mayHaveLab(t: Test): Promise<boolean> {
  return needs(t, 'memcached', 'haproxy', 'curl') && (await mayCutNetworks(t))
}

/** Starts the lab, without a ring. `mayHaveLab(t)` comes first. */
export async function startLab(t: Test): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'ringkeep-lab-'))
  const env = { ...process.env, NETLAB_DIR: folder, NETLAB_TOKEN: SECRET, CLUSTER_TOKEN: SECRET }
  const run = (...args: string[]): Promise<Ended> => ended(fileOfProject('deploy/netlab.sh'), args, env)
  const command = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await run(...args)
    if (code !== 0) throw new Error(`netlab.sh ${args.join(' ')}: ${stderr}`)
  }
  t.teardown(async () => {
    await command('down')
    rmSync(folder, { recursive: true, force: true })
  })
  await command('up')
  return {
    command,
    exec: (host, ...command) => run('exec', host, ...command),
    async reconfigure(lines, ...args) {
      const file = join(folder, 'nodes')
      if (lines !== undefined) writeFileSync(file, lines)
      const answer = await run(
        'exec',
        'n1',
        fileOfProject('reconfigure.sh'),
        ...(lines === undefined ? [] : ['--nodes', file]),
        ...args
      )
      if (answer.code === 0) await untilServed()
      return answer
    }
  }
}

/**
 * Runs a program to its end, whatever that is, and without what the test runner would have programs of
 * Node.js load.
 */
export function ended(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env
): Promise<Ended> {
  return new Promise(resolve => {
    execFile(
      'env',
      ['-u', 'NODE_OPTIONS', program, ...args],
      { env, timeout: COMMAND_MS, maxBuffer: OUTPUT_BYTES },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, stdout, stderr: code === -1 ? `${stderr}\n${error?.message}` : stderr })
      }
    )
  })
}

/** HAProxy looks at its nodes twice a second; it is in order when all of them have answered through it. */
async function untilServed(): Promise<void> {
  const seen = new Set<string>()
  await until(
    'HAProxy has every node',
    async () => {
      // A connection to the balancer of an earlier lab may still be in the pool.
      const text = await request(`${BALANCER}/livez`).then(
        ({ body }) => body.text(),
        () => ''
      )
      const node = NODES.find(node => text.includes(node))
      if (node !== undefined) seen.add(node)
      return seen.size === NODES.length
    },
    SETTLE_MS
  )
}

/** Waits until every node is ready and has the same stable ring. */
export async function untilInOrder(): Promise<RingJson> {
  let rings: string[] = []
  await until(
    'every node has the same stable ring',
    async () => {
      const answers = await Promise.all(
        NODES.map(async node => {
          const ready = await request(`http://${node}/readyz`, { headersTimeout: 2_000 })
          await ready.body.dump()
          const { body } = await request(`http://${node}/hash_ring`, {
            headers: { authorization: `Bearer ${SECRET}` },
            headersTimeout: 2_000
          })
          return { ready: ready.statusCode === 200, ring: await body.text() }
        })
      ).catch(() => [])
      rings = answers.map(({ ring }) => ring)
      return (
        answers.length > 0 &&
        answers.every(({ ready, ring }) => ready && ring === rings[0]) &&
        !rings[0]?.includes('"next"')
      )
    },
    SETTLE_MS
  )
  return JSON.parse(rings[0] as string) as RingJson
}

/** Writes pairs through a door, the balancer if none is said, one by one as clients do. */
export async function writePairs(bulk: BulkOptions, door: string = BALANCER): Promise<void> {
  await forEach(
    Array.from({ length: bulk.pairs }, (_, index) => index),
    index => put(door, bulkKey(index), bulkValue(index, bulk) as string)
  )
}

/** Seeds one node as an operator does who does not use `reconfigure.sh`. */
export async function seedAlone(node: string, seed: object): Promise<number> {
  const headers = { authorization: `Bearer ${SECRET}`, 'content-type': 'application/x-www-form-urlencoded' }
  // A connection to the node of an earlier lab may still be in the pool.
  const dispatcher = new Agent()
  const { statusCode, body } = await request(`http://${node}/hash_ring`, {
    dispatcher,
    method: 'POST',
    headers,
    body: `data=${encodeURIComponent(JSON.stringify(seed))}`
  })
  await body.dump()
  await dispatcher.close()
  return statusCode
}
