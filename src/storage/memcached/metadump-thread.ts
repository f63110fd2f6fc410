// The thread that makes dumps of Memcached's names: it connects, reads to the end without ever waiting for
// anybody, and tells its parent what it has found. Until 1.6.18, Memcached holds a lock of its items while it
// waits for the reader of a dump, so a reader that is busy with other things would hold back everybody's
// reads.

import { setTimeout as pause } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { performance } from 'node:perf_hooks'
import { DUMP_CHUNK_BYTES, SCAN_BUSY_MS, SCAN_STALL_MS, STORAGE_DEADLINE_MS } from './limits.ts'
import { connectTo, parseAddress, type Address } from './address.ts'
import { backoffMs } from './backoff.ts'
import { createDumpReader, METADUMP, type DumpProgress } from './metadump.ts'
import { createCollector, type Names } from './name-blocks.ts'

export interface DumpTask {
  readonly address: string
  /** 1 for each slot whose names are asked for. */
  readonly wanted: Uint8Array
  readonly budgetBytes: number
}

export type DumpAnswer = { readonly names: Names } | { readonly error: string }

/** One attempt. Rejects when the connection ends or falls silent before the dump is complete. */
function readDump(address: Address, read: (chunk: Buffer) => DumpProgress): Promise<DumpProgress> {
  return new Promise((resolve, reject) => {
    let progress: DumpProgress = 'more'
    const socket = connectTo(address, {
      buffer: Buffer.allocUnsafe(DUMP_CHUNK_BYTES),
      callback(bytes, buffer) {
        take(Buffer.from(buffer.buffer, buffer.byteOffset, bytes))
        return true
      }
    })
    socket.resume()
    socket.once('connect', () => socket.write(METADUMP))
    socket.setTimeout(SCAN_STALL_MS, () =>
      socket.destroy(new Error('memcached fell silent in the middle of a dump'))
    )
    const take = (chunk: Buffer): unknown => {
      // Up to 1.6.25, Memcached may crash if the reader leaves while the crawler is finishing. Once it
      // answers another command on this connection, the crawler is through with it.
      if (progress !== 'more') return socket.destroy()
      try {
        progress = read(chunk)
      } catch (error) {
        return socket.destroy(error as Error)
      }
      if (progress === 'more') return undefined
      socket.write('version\r\n')
      return socket.setTimeout(STORAGE_DEADLINE_MS)
    }
    let why = new Error('the dump ended before its END')
    socket.on('error', error => {
      why = error
    })
    socket.on('close', () => {
      if (progress === 'more') reject(why)
      else resolve(progress)
    })
  })
}

async function dump(task: DumpTask): Promise<Names> {
  const address = parseAddress(task.address)
  const endMs = performance.now() + SCAN_BUSY_MS
  for (let failures = 1; ; failures++) {
    const collector = createCollector(task.wanted, task.budgetBytes)
    if ((await readDump(address, createDumpReader(collector))) === 'end') return collector.finish()
    if (performance.now() > endMs) throw new Error('memcached is busy with another dump')
    await pause(backoffMs(failures, Math.random()))
  }
}

async function answer(task: DumpTask): Promise<void> {
  let answer: DumpAnswer
  try {
    answer = { names: await dump(task) }
  } catch (error) {
    answer = { error: (error as Error).message }
  }
  const blocks = 'names' in answer ? answer.names.blocks : []
  parentPort?.postMessage(
    answer,
    blocks.map(block => block.buffer)
  )
}

parentPort?.on('message', answer)
