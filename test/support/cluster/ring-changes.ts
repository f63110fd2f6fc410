// What tests of ring changes share: pairs of every kind, a gate that holds a change in its middle, and what a
// node holds.

import { type Test } from 'tap'
import { type Storage } from '../../../src/core/ports.ts'
import { until } from './memcached.ts'
import { type Answer, type TestNode } from './nodes.ts'

export interface Gate {
  /** For `startNodes`: every scan, such as a source's, hands on what it has and then waits at the gate. */
  readonly wrap: (storage: Storage, index: number) => Storage
  /** From now on scans wait; only those of the given nodes, if any. */
  close(...indices: number[]): void
  open(): void
  /** Waits until a scan waits. */
  held(): Promise<void>
}

export function createGate(): Gate {
  let closedFor: readonly number[] | undefined
  const waiting: Array<() => void> = []

  const isClosed = (index: number) =>
    closedFor !== undefined && (closedFor.length === 0 || closedFor.includes(index))
  const pass = (index: number) =>
    isClosed(index) ? new Promise<void>(resolve => waiting.push(resolve)) : undefined

  return {
    wrap: (storage, index) =>
      Object.create(storage, {
        incarnation: { get: () => storage.incarnation },
        scan: {
          value: async function* (slots: Parameters<Storage['scan']>[0]) {
            for await (const batch of storage.scan(slots)) {
              yield batch
              await pass(index)
            }
            await pass(index)
          }
        }
      }),
    close(...indices) {
      closedFor = indices
    },
    open() {
      closedFor = undefined
      for (const resolve of waiting.splice(0)) resolve()
    },
    held: () => until('a scan waits at the gate', () => waiting.length > 0)
  }
}

/** `count` keys, each with its value, written through the node. */
export async function writeKeys(t: Test, node: TestNode, count: number): Promise<string[]> {
  const keys = Array.from({ length: count }, (_, i) => `key-${i}`)
  const statuses = await Promise.all(
    keys.map(async key => (await node.ask(`/kv/${key}`, { method: 'PUT', body: `of ${key}` })).status)
  )
  t.ok(
    statuses.every(status => status === 204),
    `${count} keys are written`
  )
  return keys
}

/** Reads the keys through every node. */
export async function checkKeys(
  t: Test,
  nodes: readonly TestNode[],
  keys: readonly string[],
  what: string
): Promise<void> {
  for (const node of nodes) {
    const answers = await Promise.all(keys.map(key => node.ask(`/kv/${key}`)))
    t.same(
      answers.flatMap(({ status, text }, i) =>
        status === 200 && text === `of ${keys[i]}` ? [] : [`${keys[i]}: ${status} ${text}`]
      ),
      [],
      `${what}: every key through ${node.address}`
    )
  }
}

/** What the node holds, as `/migrate` has it, in order of the keys. */
export async function dump(node: TestNode): Promise<any[]> {
  const { text } = await node.ask('/migrate/0/9999')
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
}

export async function ringOf(node: TestNode): Promise<any> {
  return (await node.ask('/hash_ring')).json()
}

/** The ring that all of the nodes have; fails the test where it is not one. */
export async function sameRing(t: Test, nodes: readonly TestNode[]): Promise<any> {
  const rings = await Promise.all(nodes.map(ringOf))
  for (const ring of rings) t.same(ring, rings[0], 'every node has the same ring')
  return rings[0]
}

export async function changesOf(node: TestNode): Promise<any> {
  return (await node.ask('/ring/changes')).json()
}

export function isOk(t: Test, answer: Answer, what: string): void {
  t.same(
    [answer.status, answer.text, answer.headers['content-type']],
    [200, 'OK', 'text/plain; charset=utf-8'],
    what
  )
}

export function isError(t: Test, answer: Answer, status: number, code: string, what: string): void {
  t.match({ status: answer.status, ...answer.json() }, { status, statusCode: status, code }, what)
}

/** Waits until the node holds nothing. */
export function untilEmpty(node: TestNode): Promise<void> {
  return until(`${node.address} holds nothing`, async () => (await node.storage.stats()).pairs === 0, 30_000)
}
