// HAProxy's runtime socket: one command a connection, its answer until HAProxy closes it.

import { connect } from 'node:net'
import { ANSWER_BYTES, ANSWER_MS, COMMAND_BYTES } from './limits.ts'

export interface Runtime {
  /** The answer to a command. Rejects where there is none in time. */
  ask(command: string): Promise<string>
  /** Puts the lines in place of a map's, at one moment. */
  replaceMap(path: string, table: ReadonlyMap<string, string>): Promise<void>
}

/** `socket`: the path of a socket with `level admin`. */
export function createRuntime(socket: string): Runtime {
  function ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = ''
      const connection = connect(socket)
      const deadline = setTimeout(
        () => connection.destroy(new Error(`HAProxy did not answer on ${socket}`)),
        ANSWER_MS
      )
      connection.setEncoding('utf8')
      connection.on('data', (chunk: string) => {
        answer += chunk
        if (answer.length > ANSWER_BYTES) {
          connection.destroy(new Error('HAProxy answered more than a map can have'))
        }
      })
      connection.on('error', reject)
      connection.on('close', () => {
        clearTimeout(deadline)
        resolve(answer)
      })
      connection.end(`${command}\n`)
    })
  }

  /** As `ask`, for commands that say nothing when they are done. */
  async function order(command: string): Promise<void> {
    const answer = (await ask(command)).trim()
    if (answer !== '') throw new Error(`HAProxy refused "${command.split('\n', 1)[0]}": ${answer}`)
  }

  return {
    ask,
    async replaceMap(path, table) {
      const version = /New version created: ([0-9]+)/.exec(await ask(`prepare map ${path}`))?.[1]
      if (version === undefined) throw new Error(`HAProxy has no map ${path}`)
      for (const lines of inPieces([...table].map(([range, server]) => `${range} ${server}\n`))) {
        await order(`add map @${version} ${path} <<\n${lines}`)
      }
      await order(`commit map @${version} ${path}`)
    }
  }
}

/** Lines put together to pieces that fit into a command. */
export function inPieces(lines: readonly string[]): string[] {
  const pieces: string[] = []
  for (const line of lines) {
    const last = pieces.at(-1)
    if (last === undefined || last.length + line.length > COMMAND_BYTES) pieces.push(line)
    else pieces[pieces.length - 1] = last + line
  }
  return pieces
}
