// Has a thread make dumps of Memcached's names, one at a time, as Memcached makes one at a time. The thread
// is started when it is needed and ended when it has not been for a while.

import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { KvError } from '../../errors.ts'
import { SCAN_CLOSE_MS, SCAN_DUMPS_WAITING, SCAN_THREAD_YOUNG_MB, SCAN_THREAD_IDLE_MS } from './limits.ts'
import { createLanes } from './lanes.ts'
import { type DumpAnswer, type DumpTask } from './metadump-thread.ts'
import { type Names } from './name-blocks.ts'

export interface Dumper {
  /** The names of the slots that are marked 1, as far as the budget goes. Throws `KV_ERR_STORAGE`. */
  dump(wanted: Uint8Array): Promise<Names>
  /** Lets a dump under way come to its end, for a bounded time. */
  close(): Promise<void>
}

// The thread's file has the extension of this one: `.ts` under a loader, `.js` once built.
const THREAD = new URL(`./metadump-thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url)

/** `budgetBytes` bounds the names that one dump keeps. */
export function createDumper(address: string, budgetBytes: number): Dumper {
  const lanes = createLanes(SCAN_DUMPS_WAITING)
  let thread: Thread | undefined
  let running: Promise<DumpAnswer> | undefined
  let idle: NodeJS.Timeout | undefined
  let closed = false

  async function endThread(): Promise<void> {
    const last = thread
    thread = undefined
    await last?.end()
  }

  async function ask(task: DumpTask): Promise<Names> {
    clearTimeout(idle)
    const mine = (thread ??= startThread(ended => {
      if (thread === ended) thread = undefined
    }))
    running = mine.ask(task)
    const answer = await running
    running = undefined
    if (!closed) idle = setTimeout(endThread, SCAN_THREAD_IDLE_MS).unref()
    if ('error' in answer) throw new KvError('KV_ERR_STORAGE', answer.error)
    return answer.names
  }

  return {
    async dump(wanted) {
      const turn = lanes.enter('')
      if (turn === 'full') throw new KvError('KV_ERR_STORAGE', 'too many scans wait for their turn')
      if (turn !== undefined) await turn
      try {
        if (closed) throw new KvError('KV_ERR_STORAGE', 'the storage is closed')
        return await ask({ address, wanted, budgetBytes })
      } finally {
        lanes.leave('')
      }
    },
    async close() {
      closed = true
      clearTimeout(idle)
      const timer = setTimeout(endThread, SCAN_CLOSE_MS)
      await running
      clearTimeout(timer)
      await endThread()
    }
  }
}

interface Thread {
  /** One task at a time. What goes wrong is an answer too. */
  ask(task: DumpTask): Promise<DumpAnswer>
  end(): Promise<unknown>
}

function startThread(ended: (thread: Thread) => void): Thread {
  const worker = new Worker(THREAD, { resourceLimits: { maxYoungGenerationSizeMb: SCAN_THREAD_YOUNG_MB } })
  let error = 'the thread of the dump has ended'
  let done: ((answer: DumpAnswer) => void) | undefined
  const settle = (answer: DumpAnswer): void => {
    worker.unref()
    done?.(answer)
    done = undefined
  }
  worker.on('message', settle)
  // A thread that throws is a defect, but that the scan has failed is all that its caller needs to know.
  worker.on('error', cause => {
    error = `the thread of the dump failed: ${String(cause)}`
  })
  worker.on('exit', () => {
    ended(thread)
    settle({ error })
  })
  const thread: Thread = {
    ask(task) {
      worker.ref()
      worker.postMessage(task)
      return new Promise(resolve => {
        done = resolve
      })
    },
    end: () => worker.terminate()
  }
  return thread
}
