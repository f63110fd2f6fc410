// A client of the store for tests: one call of a history over HTTP, and helpers that read and write whole
// values.

import { Agent, request } from 'undici'
import { type Call, type Outcome } from '../checker/history.ts'

const DEADLINE_MS = 10_000

/** Keep-alive connections, closed soon after their last use so that no test waits for them. */
const dispatcher = new Agent({
  connections: 64,
  keepAliveTimeout: 500,
  headersTimeout: DEADLINE_MS,
  bodyTimeout: DEADLINE_MS
})

interface Answer {
  readonly status: number
  readonly bytes: Buffer
}

async function ask(
  url: string,
  key: string,
  method: 'GET' | 'PUT' | 'DELETE',
  body?: Buffer | string
): Promise<Answer> {
  const answer = await request(`${url}/kv/${encodeURIComponent(key)}`, {
    method,
    dispatcher,
    ...(body !== undefined && { body })
  })
  return { status: answer.statusCode, bytes: Buffer.from(await answer.body.arrayBuffer()) }
}

/**
 * One call at a node or balancer (`http://host:port`). A rejection, which callers count as unknown, is a
 * broken connection. What was not served is told to `refused`.
 */
export async function perform(
  url: string,
  { kind, key, value }: Call,
  refused = (_what: string): void => {}
): Promise<Outcome> {
  const method = kind === 'read' ? 'GET' : kind === 'write' ? 'PUT' : 'DELETE'
  const { status, bytes } = await ask(url, key, method, value)
  if (status > 204 && status !== 404) refused(`${method} ${key}: ${status} ${bytes.toString()}`)
  if (kind === 'read') {
    if (status === 200) return { kind: 'ok', value: bytes.toString() }
    return status === 404 ? { kind: 'ok', value: undefined } : { kind: 'failed' }
  }
  if (status === 204) return { kind: 'ok' }
  if (status >= 400 && status < 500) throw new Error(`${method} ${key}: ${status} ${bytes.toString()}`)
  return { kind: status === 503 && bytes.includes('nothing was written') ? 'failed' : 'unknown' }
}

export async function put(url: string, key: string, value: Buffer | string): Promise<void> {
  const { status, bytes } = await ask(url, key, 'PUT', value)
  if (status !== 204) throw new Error(`PUT ${key}: ${status} ${bytes.toString()}`)
}

export async function remove(url: string, key: string): Promise<void> {
  const { status, bytes } = await ask(url, key, 'DELETE')
  if (status !== 204) throw new Error(`DELETE ${key}: ${status} ${bytes.toString()}`)
}

/** The bytes of a value; undefined: there is none. */
export async function get(url: string, key: string): Promise<Buffer | undefined> {
  const { status, bytes } = await ask(url, key, 'GET')
  if (status === 404) return undefined
  if (status !== 200) throw new Error(`GET ${key}: ${status} ${bytes.toString()}`)
  return bytes
}

/** Does the work for every item, some of it at a time. */
export async function forEach<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  atATime = 32
): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      while (next < items.length) await work(items[next++] as T)
    })
  )
}
