// What one node stored, every node answers, standbys too, and a miss is a miss everywhere.

import t from 'tap'
import { startNodes } from '../../support/cluster/nodes.ts'

t.test('a pair written through each node is read through each', async t => {
  const nodes = await startNodes(t, 4, { members: 3 })
  for (const [index, writer] of nodes.entries()) {
    const key = `key-${index}`
    const written = await writer.ask('/route', { method: 'POST', body: { key, val: `value-${index}` } })
    t.match(written, {
      status: 200,
      text: 'OK',
      headers: { 'content-type': 'text/plain; charset=utf-8', 'x-ring-epoch': '1' }
    })
    for (const reader of nodes) {
      t.match(await reader.ask(`/route?key=${key}`), { status: 200, text: `value-${index}` })
    }
  }
  for (const node of nodes) t.match(await node.ask('/route?key=absent'), { status: 404, text: 'N/A' })
})
