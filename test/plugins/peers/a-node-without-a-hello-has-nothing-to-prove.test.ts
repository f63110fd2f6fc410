// A node of a release from before the hello answers it with 404. Without a token it is spoken with, so that
// nodes can be upgraded one after the other; with one it would have to prove that it has it. One that calls
// itself otherwise is not spoken with in any case.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Pool } from 'undici'
import { NONCE_BYTES } from '../../../src/core/messages/hello.ts'
import { createConnector } from '../../../plugins/peers/hello.ts'

async function startServer(t: Test, status: number, body: (name: string) => object) {
  const server = createServer((request, response) => {
    const text = request.url === '/internal/hello' ? JSON.stringify(body(name)) : 'spoken with'
    response
      .writeHead(request.url === '/internal/hello' ? status : 200, { 'content-length': text.length })
      .end(text)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(() => server.close())
  return async (token: string | undefined) => {
    const pool = new Pool(`http://${name}`, {
      connect: createConnector({ self: '127.0.0.1:1', node: name, token, tls: undefined })
    })
    t.teardown(() => pool.destroy())
    const { body } = await pool.request({ path: '/', method: 'GET' })
    return await body.text()
  }
}

const nonce = '0'.repeat(2 * NONCE_BYTES)

t.test('a release from before the hello', async t => {
  const speak = await startServer(t, 404, () => ({}))
  t.equal(await speak(undefined), 'spoken with')
  await t.rejects(speak('secret'), { code: 'KV_ERR_NODE_NOT_READY' })
})

t.test('a node that needs a token for a path that it does not know', async t => {
  const speak = await startServer(t, 401, () => ({}))
  for (const token of [undefined, 'secret']) await t.rejects(speak(token), { code: 'KV_ERR_NODE_NOT_READY' })
})

t.test('a node with another name', async t => {
  const speak = await startServer(t, 200, () => ({ node: '127.0.0.1:2', nonce }))
  for (const token of [undefined, 'secret']) {
    await t.rejects(speak(token), { code: 'KV_ERR_NODE_NAME', message: /calls itself 127\.0\.0\.1:2/ })
  }
})

t.test('a node of this release without a token', async t => {
  const speak = await startServer(t, 200, name => ({ node: name, nonce }))
  t.equal(await speak(undefined), 'spoken with')
  await t.rejects(speak('secret'), { code: 'KV_ERR_NODE_NOT_READY' })
})
