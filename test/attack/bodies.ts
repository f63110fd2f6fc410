// Body bombs: bodies that cost a node far more than they cost to send, or should. Whatever comes, the node
// says in time that it is alive, its processes live on, and what is large for a good reason is still taken.

import { once } from 'node:events'
import { extname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Agent, request } from 'undici'
import type { Health } from './health-thread.ts'
import { type AttackOptions, type Target, type Verdict } from './verdict.ts'

interface Body {
  readonly name: string
  readonly path: string
  readonly type: string
  readonly body: Buffer
}

interface Bomb extends Body {
  readonly count: number
  /** Answers that may be. */
  readonly statuses: readonly number[]
}

const HEALTH_MS = 250
/**
 * In CI, whose machines are shared and which throws each bomb once, only what is far beyond that is judged.
 */
const HEALTH_QUICK_MS = 1_000
/** How long health is asked for before the first bomb, to know the machine. */
const REST_MS = 1_000
const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'
const BATCH_BYTES = 8 * 1024 * 1024
const FORM_BYTES = 3_000_000
const VALUE_BYTES = 1_000_000
const DEADLINE_MS = 120_000
const REFUSED = [400, 413, 503]

// The thread's file has the extension of this one: `.ts` under a loader, `.js` once built.
const THREAD = new URL(`./health-thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url)

/** The beginning, as many repetitions as fit, and the end. */
function filled(bytes: number, begin: string, unit: string, end: string): Buffer {
  return Buffer.from(begin + unit.repeat(Math.floor((bytes - begin.length - end.length) / unit.length)) + end)
}

function bombs(): Bomb[] {
  const batch = { count: 24, path: '/kv/batch', type: JSON_TYPE, statuses: REFUSED }
  const route = { count: 16, path: '/route', statuses: REFUSED }
  const puts = Array.from({ length: 1_000 }, (_, i) => ({
    op: 'put',
    key: `attack-${i}`,
    value: 'v'.repeat(8_000)
  }))
  return [
    { ...batch, name: 'batches with lists in a field', body: filled(BATCH_BYTES, '{"x":[[]', ',[]', ']}') },
    {
      ...batch,
      name: 'batches with lists for operations',
      body: filled(BATCH_BYTES, '{"operations":[[]', ',[]', ']}')
    },
    {
      ...batch,
      name: 'batches with many fields',
      body: filled(BATCH_BYTES, '{"operations":[{"op":"get"', ',"a":1', '}]}')
    },
    { ...batch, name: 'batches with deep lists', body: filled(BATCH_BYTES, '', '[', '') },
    {
      ...batch,
      name: 'batches with many escapes',
      body: filled(BATCH_BYTES, '{"operations":[{"op":"put","key":"attack","value":"', '\\n', '"}]}')
    },
    {
      ...batch,
      name: 'batches of white space',
      body: filled(BATCH_BYTES, '{"operations":[', ' ', ']}'),
      statuses: [200, ...REFUSED]
    },
    {
      ...route,
      name: 'forms with many fields',
      type: FORM,
      body: filled(FORM_BYTES, 'key=attack&val=v', '&a', '')
    },
    {
      ...route,
      name: 'forms with one field many times',
      type: FORM,
      body: filled(FORM_BYTES, 'key=attack', '&val', '')
    },
    {
      ...route,
      name: 'forms of bytes',
      type: FORM,
      body: filled(FORM_BYTES, 'key=attack&val=', '%ff', ''),
      statuses: [200, 503]
    },
    { ...route, name: 'forms of pluses', type: FORM, body: filled(FORM_BYTES, 'key=attack&val=', '+', '') },
    {
      ...route,
      name: 'JSON with lists',
      type: JSON_TYPE,
      body: filled(FORM_BYTES, '{"key":"attack","val":"v","x":[[]', ',[]', ']}')
    },
    {
      ...route,
      name: 'JSON with many fields',
      type: JSON_TYPE,
      body: filled(FORM_BYTES, '{"key":"attack","val":"v"', ',"a":1', '}')
    },
    {
      ...route,
      name: 'deep JSON',
      type: JSON_TYPE,
      body: filled(FORM_BYTES, '{"key":"attack","val":', '[', '')
    },
    {
      ...batch,
      count: 16,
      name: 'batches of a thousand puts',
      body: Buffer.from(JSON.stringify({ operations: puts })),
      statuses: [200, 503]
    }
  ]
}

/** Throws all bombs at the node, one kind after the other. */
export async function attack({ url, pids }: Target, { quick, tell }: AttackOptions): Promise<Verdict> {
  // The median of the longest waits counts, as a shared machine holds everybody up at times.
  const rounds = quick ? 1 : 3
  const faults: string[] = []
  const figures: { [name: string]: number } = {}
  const thread = new Worker(THREAD, { workerData: url })
  const health = async (): Promise<Health> => {
    thread.postMessage('health')
    const [answer] = await once(thread, 'message')
    return answer
  }

  async function post(agent: Agent, { path, type, body }: Body): Promise<number> {
    const answer = await request(`${url}${path}`, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': type },
      body
    })
    await answer.body.dump()
    return answer.statusCode
  }

  /** Throws a bomb once; the longest wait for health meanwhile. */
  async function throwOnce(bomb: Bomb): Promise<number> {
    const { name, count, statuses } = bomb
    // New connections, which the node hands to all its workers.
    const agent = newAgent()
    await health()
    // An answer may be lost where the node refuses a body and ends the connection before it has come.
    const answers = await Promise.all(Array.from({ length: count }, () => post(agent, bomb).catch(() => 503)))
    const { worstMs, failed } = await health()
    await agent.destroy()
    const other = answers.find(status => !statuses.includes(status))
    if (other !== undefined) faults.push(`${name}: answered ${other}`)
    if (failed > 0) faults.push(`${name}: ${failed} questions for health had no answer`)
    return worstMs
  }

  try {
    await health()
    await pause(REST_MS)
    figures['at rest, ms'] = Math.round((await health()).worstMs)
    for (const bomb of bombs()) {
      const waits: number[] = []
      for (let round = 0; round < rounds; round++) waits.push(await throwOnce(bomb))
      const ms = Math.round(waits.sort((a, b) => a - b)[Math.floor(rounds / 2)] as number)
      figures[`${bomb.name}, ms`] = ms
      tell(`${bomb.name}: health took ${ms} ms at most`)
      if (ms >= (quick ? HEALTH_QUICK_MS : HEALTH_MS)) faults.push(`${bomb.name}: health took ${ms} ms`)
    }
    for (const body of legitimate()) {
      const agent = newAgent()
      const status = await post(agent, body)
      if (status !== 200) faults.push(`${body.name} was answered ${status}`)
      await agent.destroy()
    }
    faults.push(...pids.filter(pid => !isAlive(pid)).map(pid => `process ${pid} has ended`))
    return { name: 'bodies', faults, figures }
  } finally {
    await thread.terminate()
  }
}

function newAgent(): Agent {
  return new Agent({ connections: 64, headersTimeout: DEADLINE_MS, bodyTimeout: DEADLINE_MS })
}

function legitimate(): Body[] {
  const operations = Array.from({ length: 1_000 }, (_, i) => ({ op: 'put', key: `attack-${i}`, value: 'v' }))
  return [
    {
      name: 'a value of a million bytes, percent-encoded,',
      path: '/route',
      type: FORM,
      body: Buffer.from(`key=attack&val=${'%01'.repeat(VALUE_BYTES)}`)
    },
    {
      name: 'a batch of a thousand operations',
      path: '/kv/batch',
      type: JSON_TYPE,
      body: Buffer.from(JSON.stringify({ operations }))
    }
  ]
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
