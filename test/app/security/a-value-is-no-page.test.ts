// Values have the content type that some client gave them. A browser that is led to one runs nothing of it,
// and takes it for nothing else.

import t from 'tap'
import { startNodes } from '../../support/cluster/nodes.ts'

t.test('whatever their content type', async t => {
  const [node] = await startNodes(t, 1)
  await node.ask('/kv/page', {
    method: 'PUT',
    headers: { 'content-type': 'text/html' },
    body: '<script>alert(1)</script>'
  })
  await node.ask('/route', { method: 'POST', body: { key: 'text', val: '<script>alert(1)</script>' } })
  for (const path of ['/kv/page', '/route?key=page', '/cache?key=page']) {
    t.match(
      (await node.ask(path)).headers,
      {
        'content-type': 'text/html',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "sandbox; default-src 'none'"
      },
      path
    )
  }
  t.match((await node.ask('/route?key=text')).headers, {
    'content-type': /^text\/plain/,
    'x-content-type-options': 'nosniff'
  })
  t.match((await node.ask('/kv/text')).headers, {
    'content-type': 'application/octet-stream',
    'x-content-type-options': 'nosniff'
  })
})
