// Calls between the primary and a worker, both ways, over the channel that Node gives a forked process. A
// call settles within its deadline, or when the other side is gone; coded errors keep their code.

import { type FastifyBaseLogger } from 'fastify'
import { startDeadline, TIMERS } from '../core/quorum/deadline.ts'
import { KvError, type ErrorCode } from '../errors.ts'
import { IPC_DEADLINE_MS } from '../limits.ts'

/** What both `process` and a cluster worker offer. */
export interface IpcEnd {
  send(message: object): unknown
  onMessage(listener: (message: unknown) => void): void
  onGone(listener: () => void): void
}

export type Handlers = { readonly [name: string]: (argument: string) => Promise<string> | string }

type Message =
  | { readonly call: number; readonly name: string; readonly argument: string }
  | { readonly answer: number; readonly result: string }
  | { readonly answer: number; readonly error: { readonly code: ErrorCode; readonly message: string } }

export interface Ipc {
  /**
   * Calls a handler of the other side. Throws what it threw, `KV_ERR_INSTALL` when it is gone or late; with
   * `Infinity` it is never late.
   */
  call(name: string, argument: string, timeoutMs?: number): Promise<string>
}

interface Pending {
  readonly resolve: (result: string) => void
  readonly reject: (error: Error) => void
}

export function createIpc(
  end: IpcEnd,
  handlers: Handlers,
  log: Pick<FastifyBaseLogger, 'error'>,
  timers = TIMERS
): Ipc {
  const pending = new Map<number, Pending>()
  let calls = 0
  let gone = false

  function defect(name: string, error: unknown): KvError {
    log.error({ call: name, err: error }, 'a call between two processes of this node met a defect')
    return new KvError('KV_ERR_INTERNAL', (error as Error).message)
  }

  async function serve(call: number, name: string, argument: string): Promise<void> {
    try {
      const handler = handlers[name]
      if (handler === undefined) throw new KvError('KV_ERR_INTERNAL', `no handler ${name}`)
      end.send({ answer: call, result: await handler(argument) })
    } catch (error) {
      const { code, message } = error instanceof KvError ? error : defect(name, error)
      end.send({ answer: call, error: { code, message } })
    }
  }

  end.onMessage(received => {
    const message = received as Message
    if ('call' in message) {
      // Sending fails only when the other side is gone, and then nobody waits for an answer.
      serve(message.call, message.name, message.argument).catch(() => {})
    } else if ('answer' in message) {
      const waiting = pending.get(message.answer)
      pending.delete(message.answer)
      if ('error' in message) waiting?.reject(new KvError(message.error.code, message.error.message))
      else waiting?.resolve(message.result)
    }
  })

  end.onGone(() => {
    gone = true
    for (const { reject } of pending.values()) {
      reject(new KvError('KV_ERR_INSTALL', 'the other process is gone'))
    }
    pending.clear()
  })

  return {
    call: (name, argument, timeoutMs = IPC_DEADLINE_MS) =>
      new Promise((resolve, reject) => {
        if (gone) return reject(new KvError('KV_ERR_INSTALL', 'the other process is gone'))
        const call = ++calls
        const callOff =
          timeoutMs === Infinity
            ? () => {}
            : startDeadline(
                timeoutMs,
                () => {
                  pending.delete(call)
                  reject(new KvError('KV_ERR_INSTALL', `${name} took too long`))
                },
                timers
              )
        const settled =
          <T>(settle: (value: T) => void) =>
          (value: T) => {
            callOff()
            settle(value)
          }
        pending.set(call, { resolve: settled(resolve), reject: settled(reject) })
        end.send({ call, name, argument })
      })
  }
}
