// A node that listens beyond this machine and has no cluster token says so when it starts, once, and serves.

import t from 'tap'
import { freePort } from '../support/cluster/ports.ts'
import { spawnNode, untilAlive } from './spawn-node.ts'

const WARNING = /everybody who reaches this node may change the ring/g

for (const [HOST, CLUSTER_TOKEN, warnings] of [
  ['0.0.0.0', '', 1],
  ['0.0.0.0', 'secret', 0],
  ['127.0.0.1', '', 0]
] as const) {
  t.test(`HOST ${HOST}, ${CLUSTER_TOKEN === '' ? 'no token' : 'a token'}`, async t => {
    const port = await freePort()
    const node = spawnNode(t, { HOST, CLUSTER_TOKEN, PORT: String(port) })
    await untilAlive(node, port)
    t.equal(node.output.out.match(WARNING)?.length ?? 0, warnings)
  })
}
