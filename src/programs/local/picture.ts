// What the launcher shows once the cluster runs: who is where, and what to try.

import { TOKENS } from './cluster.ts'
import { HOST } from './commands.ts'
import { type LocalOptions } from './options.ts'

/** Some lines of text, the last one ended. */
export function drawCluster({ frontPort, nodePorts, memcached }: LocalOptions): string {
  const front = `http://${HOST}:${frontPort}`
  const places = [`token ${TOKENS[0]}`, `token ${TOKENS[1]}`, 'standby']
  const row = (cells: readonly string[]): string =>
    cells
      .map(cell => center(cell, 20))
      .join('')
      .trimEnd()
  return `
${center(`${memcached ? 'HAProxy' : 'balancer'} ${front}`, 60).trimEnd()}
${row(['/', '|', '\\'])}
${row(nodePorts.map(port => `${HOST}:${port}`))}
${row(places)}
${row(nodePorts.map(() => (memcached ? '+ Memcached' : 'embedded storage')))}

Try:
  curl -d 'key=roof' -d 'val=red' ${front}/route
  curl '${front}/route?key=roof'
  curl '${front}/route_test?key=roof'
  curl -X DELETE '${front}/route?key=roof'
  curl ${front}/add_node/5000/${HOST}:${nodePorts[2]}
  curl ${front}/ring/changes
  curl ${front}/remove_node/${HOST}:${nodePorts[2]}
  curl ${front}/hash_ring

Ctrl-C stops all of it.
`
}

function center(text: string, width: number): string {
  const left = Math.max(0, Math.floor((width - text.length) / 2))
  return (' '.repeat(left) + text).padEnd(width)
}
