// Whoever reads a long answer may go away, before it begins or in its middle. That is no defect of the node.
// What the node itself cannot give any more is told, as what it is: an operating error by its code, anything
// else as a defect.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { type Storage } from '../../../src/core/ports.ts'
import { KvError } from '../../../src/errors.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'
import { ringOf, writeKeys } from '../../support/cluster/ring-changes.ts'

const INFO = 30

interface Line {
  readonly level: number
  readonly msg: string
  readonly route?: string
  readonly code?: string
  readonly err?: { readonly message: string }
}

interface Hold {
  readonly begun: Promise<void>
  readonly end: (error?: Error) => void
}

/**
 * A node with some pairs, whose next scan can be held before its first batch or after it; what `end` is given
 * is the scan's error.
 */
async function setup(t: Test) {
  const lines: Line[] = []
  let held: { readonly at: 'first' | 'middle'; readonly wait: () => Promise<void> } | undefined
  const pass = async (at: 'first' | 'middle'): Promise<void> => {
    if (held?.at === at) await held.wait()
  }
  const hold = (at: 'first' | 'middle'): Hold => {
    let end: Hold['end'] = () => {}
    const ended = new Promise<void>((resolve, reject) => {
      end = error => (error === undefined ? resolve() : reject(error))
    })
    const begun = new Promise<void>(resolve => {
      held = {
        at,
        wait: () => {
          resolve()
          return ended
        }
      }
    })
    return { begun, end }
  }
  const wrap = (storage: Storage): Storage =>
    Object.create(storage, {
      incarnation: { get: () => storage.incarnation },
      scan: {
        value: async function* (slots: Parameters<Storage['scan']>[0]) {
          await pass('first')
          for await (const batch of storage.scan(slots)) {
            yield batch
            await pass('middle')
          }
        }
      }
    })
  const [node] = await startNodes(t, 1, { replicas: 1, wrap, logged: line => lines.push(line) })
  await writeKeys(t, node, 20)
  const pull = JSON.stringify({ ring: await ringOf(node), ranges: [[0, 9999]] })
  const requests = {
    '/internal/pull':
      `POST /internal/pull HTTP/1.1\r\nHost: n\r\nContent-Type: ` +
      `application/json\r\nContent-Length: ${pull.length}\r\n\r\n${pull}`,
    '/migrate/:min/:max': 'GET /migrate/0/9999 HTTP/1.1\r\nHost: n\r\n\r\n',
    '/fetch_keys': 'GET /fetch_keys HTTP/1.1\r\nHost: n\r\n\r\n'
  }
  return {
    node,
    lines,
    hold,
    requests,
    told: () =>
      lines
        .filter(({ level }) => level > INFO)
        .map(({ msg, route, code, err }) => ({ msg, route, code, message: err?.message }))
  }
}

/** A request on a connection of its own, and the node's end of it. */
async function send(
  node: TestNode,
  text: string
): Promise<{ readonly socket: Socket; readonly served: Socket }> {
  const accepted = once(node.app.server, 'connection')
  const socket = connect(Number(node.address.split(':')[1]), '127.0.0.1')
  socket.on('error', () => {})
  socket.write(text)
  return { socket, served: (await accepted)[0] as Socket }
}

for (const at of ['first', 'middle'] as const) {
  t.test(`the reader goes away: ${at} batch`, async t => {
    const { node, lines, hold, requests, told } = await setup(t)
    for (const [route, text] of Object.entries(requests)) {
      const { begun, end } = hold(at)
      const { socket, served } = await send(node, text)
      await begun
      const gone = once(served, 'close')
      socket.destroy()
      await gone
      end()
      await until(`${route}: it is noted`, () => lines.some(line => line.route === route))
    }
    t.same(told(), [], 'and nothing is made of it')
    t.match(await node.ask('/fetch_keys'), { status: 200 })
  })
}

t.test('the storage fails in mid-stream', async t => {
  const { node, hold, requests, told } = await setup(t)
  const routes = Object.entries(requests)
  for (const [, text] of routes) {
    const { begun, end } = hold('middle')
    const { socket } = await send(node, text)
    const closed = once(socket.resume(), 'close')
    await begun
    end(new KvError('KV_ERR_STORAGE', 'the scan broke off'))
    await closed
  }
  t.same(
    told(),
    routes.map(([route]) => ({
      msg: 'an answer broke off',
      route,
      code: 'KV_ERR_STORAGE',
      message: 'the scan broke off'
    }))
  )
})

t.test('a defect in mid-stream', async t => {
  const { node, hold, requests, told } = await setup(t)
  const { begun, end } = hold('middle')
  const { socket } = await send(node, requests['/fetch_keys'])
  const closed = once(socket.resume(), 'close')
  await begun
  end(new TypeError('no such thing'))
  await closed
  t.match(told(), [{ msg: 'a request met a defect', route: '/fetch_keys', message: 'no such thing' }])
})
