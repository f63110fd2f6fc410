// `/fetch_keys` and `/migrate` of a million pairs, to a reader that is slower than the node: the node's
// memory stays bounded.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { slotOf } from '../../src/core/pairs/slot.ts'
import { encodeItem, pairName } from '../../src/storage/memcached/names.ts'
import { startCluster, type TestNode } from '../support/cluster/cluster.ts'
import { type TestMemcached } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(600_000)

const PAIRS = 1_000_000
/**
 * The pairs and their names take 270 MB, the answers as much again. What is reckoned is the peak of resident
 * memory, garbage included, so it varies from 75 to 145 MB with the moments at which the collector runs: the
 * bound tells streaming from gathering, not good from better.
 */
const EXTRA_KB = 200 * 1024

/** The largest resident memory that the process has had, kB. */
function peakKb(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/**
 * Writes the pairs past the node, as it would have them: that is not what is tested here, and a million
 * requests take long.
 */
async function fill(address: string): Promise<void> {
  const socket = connect(address)
  const value = Buffer.alloc(100, 'v')
  for (let i = 0; i < PAIRS;) {
    const parts: Buffer[] = []
    for (const end = Math.min(i + 5_000, PAIRS); i < end; i++) {
      const key = `million-${i}`
      const name = pairName(slotOf(key), key)
      const body = encodeItem(name, key, {
        version: { timeMs: 1, counter: 0, writer: 1 },
        deleted: false,
        expiresAtMs: 0,
        contentType: '',
        value
      })
      parts.push(Buffer.from(`add ${name} 0 0 ${body.length} noreply\r\n`), body, Buffer.from('\r\n'))
    }
    if (!socket.write(Buffer.concat(parts))) await once(socket, 'drain')
  }
  // The answer to this comes when all of that is done.
  socket.write('version\r\n')
  await once(socket, 'data')
  socket.destroy()
}

t.test('a million pairs', async t => {
  if (!needs(t, 'memcached')) return
  const cluster = await startCluster(t, {
    tokens: [5000],
    storage: 'memcached',
    memcached: { socket: true, flags: ['-m', '1024'] },
    env: { WORKERS: '1' }
  })
  const [node] = cluster.nodes as [TestNode]
  await fill((node.memcached as TestMemcached).address)

  const [worker] = node.workers() as [number]
  const beforeKb = peakKb(worker)
  for (const [path, mark] of [
    ['/fetch_keys', '["million-'],
    ['/migrate/0/9999', '{"key":"million-']
  ] as const) {
    const answer = await fetch(`${node.url}${path}`)
    let pairs = 0
    let rest = ''
    let chunks = 0
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      const text = rest + Buffer.from(chunk).toString('latin1')
      pairs += text.split(mark).length - 1
      // A mark that two chunks share is counted with the second.
      rest = text.slice(-(mark.length - 1))
      // A reader that falls behind now and then: the node must wait for it, not fill its memory.
      if (++chunks % 200 === 0) await pause(5)
    }
    t.equal(pairs, PAIRS, path)
  }
  const extraKb = peakKb(worker) - beforeKb
  t.comment(`${Math.round(extraKb / 1024)} MB above ${Math.round(beforeKb / 1024)} MB`)
  t.ok(extraKb < EXTRA_KB)
})
