// How long an idle connection is kept, from client to node: what the client counts on is less than what
// HAProxy keeps, and that is less than what a node keeps. So none is closed just as it is used again.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { KEEP_ALIVE_MS } from '../../../src/limits.ts'
import { CONFIG, startHaproxy } from '../../support/cluster/haproxy.ts'
import { startNodes } from '../../support/cluster/nodes.ts'
import { needs } from '../../support/cluster/programs.ts'
import { ask } from './fake-node.ts'

t.test('each keeps it longer than the one before counts on', async t => {
  if (!needs(t, 'haproxy')) return
  const [node] = await startNodes(t, 1, { replicas: 1 })
  const { port } = await startHaproxy(t, [node.address])
  const { headers } = await ask(port, { path: '/kv/x', headers: { connection: 'keep-alive' } })
  const toldS = Number(/^timeout=(\d+)$/.exec(String(headers['keep-alive']))?.[1])
  const keptS = Number(/^ {2}timeout http-keep-alive (\d+)s$/m.exec(readFileSync(CONFIG, 'utf8'))?.[1])
  t.ok(toldS >= 10, `a client counts on ${toldS} s`)
  t.ok(keptS > toldS, `HAProxy keeps it for ${keptS} s`)
  t.ok(keptS * 1000 < KEEP_ALIVE_MS)
  t.equal(node.app.server.keepAliveTimeout, KEEP_ALIVE_MS)
})
