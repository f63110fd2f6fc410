// Nodes whose clocks are five seconds apart: once one of them has answered that a key is over, all do, by
// every path.

import t from 'tap'
import { startNodes } from '../../support/cluster/nodes.ts'

const SKEW_MS = 5_000

t.test('404 at one, 404 at all', async t => {
  let nowMs = Date.now()
  const [behind, ahead, third] = await startNodes(t, 3, {
    wallMs: index => nowMs + (index === 1 ? SKEW_MS : 0)
  })
  t.equal((await behind.ask('/kv/k?ttl=10', { method: 'PUT', body: 'v' })).status, 204)
  nowMs += 10_000 - SKEW_MS
  t.match(await behind.ask('/kv/k'), { status: 200, text: 'v' })
  t.equal((await ahead.ask('/kv/k')).status, 404)
  for (const node of [behind, third, ahead]) {
    t.match((await node.ask('/kv/k')).json(), { statusCode: 404, code: 'KV_ERR_NOT_FOUND' })
    t.equal((await node.ask('/kv/k', { method: 'HEAD' })).status, 404)
    t.match(await node.ask('/route?key=k'), { status: 404, text: 'N/A' })
    const batch = await node.ask('/kv/batch', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"operations":[{"op":"get","key":"k"}]}'
    })
    t.match(batch.json(), { results: [{ status: 404, code: 'KV_ERR_NOT_FOUND' }] })
  }
  t.equal((await third.ask('/kv/k', { method: 'PUT', body: 'w' })).status, 204)
  for (const node of [behind, third, ahead]) t.match(await node.ask('/kv/k'), { status: 200, text: 'w' })
})
