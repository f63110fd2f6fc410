// A program: prints, as JSON, which TCP ports of a host accept connections. What takes no connection in time
// does not.

import { connect } from 'node:net'

const LAST_PORT = 65_535
const AT_A_TIME = 500
const ANSWER_MS = 2_000

const host = process.argv[2] ?? '127.0.0.1'
const open: number[] = []
let next = 1

function isOpen(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port, timeout: ANSWER_MS })
    const end = (result: boolean): void => {
      socket.destroy()
      resolve(result)
    }
    socket
      .on('connect', () => end(true))
      .on('error', () => end(false))
      .on('timeout', () => end(false))
  })
}

await Promise.all(
  Array.from({ length: AT_A_TIME }, async () => {
    for (let port = next++; port <= LAST_PORT; port = next++) {
      if (await isOpen(port)) open.push(port)
    }
  })
)
process.stdout.write(`${JSON.stringify(open.sort((a, b) => a - b))}\n`)
