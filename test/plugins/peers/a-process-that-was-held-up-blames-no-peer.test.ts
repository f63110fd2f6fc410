// This process stands still for longer than another node may take, which meanwhile goes on. Its answers lie
// in the sockets and are read before the node is called late, and what could not leave meanwhile is sent.

import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { MISS } from '../../../src/core/ports.ts'
import { encodeReply } from '../../../src/core/messages/frame.ts'
import { PEER_DEADLINE_MS } from '../../../src/limits.ts'
import { PEER_CONNECT_MS, PEER_FRAMES_IN_FLIGHT, PEER_LONGEST_MS } from '../../../plugins/peers/limits.ts'
import { getOf, openChannel, served } from './fake-peer.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

/**
 * In a thread, which goes on while the test's stands still. It counts requests in shared memory, and answers
 * each when it is told that it may.
 */
const PEER = `
  const { createServer } = require('node:http')
  const { parentPort, workerData: { reply, seen, may } } = require('node:worker_threads')
  const whenItMay = act => Atomics.load(may, 0) === 1 ? act() : setTimeout(whenItMay, 5, act)
  const server = createServer((request, response) => {
    // As a node without a token that knows no hello.
    if (request.url === '/internal/hello') return response.writeHead(404, { 'content-length': 0 }).end()
    request.resume().on('end', () => {
      Atomics.add(seen, 0, 1)
      Atomics.notify(seen, 0)
      whenItMay(() => {
        if (request.url === '/internal/ops') {
 return response.writeHead(200, { 'content-length': reply.length }).end(reply)
}
        response.write('some')
        setTimeout(() => response.end(' and more'), 1500)
      })
    })
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

async function startThread(t: Test) {
  const shared = () => new Int32Array(new SharedArrayBuffer(4))
  const [seen, may] = [shared(), shared()]
  may[0] = 1
  const thread = new Worker(PEER, {
    eval: true,
    workerData: { reply: encodeReply(served([MISS])), seen, may }
  })
  t.teardown(() => thread.terminate())
  const [port] = (await once(thread, 'message')) as [number]
  return {
    address: `127.0.0.1:${port}`,
    hold() {
      may[0] = 0
    },
    /** Lets this thread run until the peer has seen so many requests. */
    async hasSeen(count: number) {
      while (Atomics.load(seen, 0) < count) await turn()
    },
    /** This thread stands still; the peer may answer from now on. */
    standStill(ms: number) {
      may[0] = 1
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    }
  }
}

t.test('a frame', async t => {
  const peer = await startThread(t)
  const channel = openChannel(t, peer.address)
  t.same(await channel.send(ringOf(1), getOf('first')), MISS)
  peer.hold()
  const answer = channel.send(ringOf(1), getOf('key'))
  await peer.hasSeen(2)
  peer.standStill(PEER_LONGEST_MS + 500)
  t.same(await answer, MISS)
})

t.test('an operation that waits for the frames before it', async t => {
  const peer = await startThread(t)
  const channel = openChannel(t, peer.address)
  peer.hold()
  const answers = []
  for (let i = 0; i < PEER_FRAMES_IN_FLIGHT; i++) {
    answers.push(channel.send(ringOf(1), getOf(`frame ${i}`)))
    await peer.hasSeen(i + 1)
  }
  answers.push(channel.send(ringOf(1), getOf('waits')))
  await turn()
  peer.standStill(2 * PEER_DEADLINE_MS)
  t.same(
    await Promise.all(answers),
    answers.map(() => MISS)
  )
})

t.test('a stream, before and while it comes', async t => {
  const peer = await startThread(t)
  const channel = openChannel(t, peer.address)
  const silenceMs = 2_000
  peer.hold()
  const asked = channel.stream('/internal/pull', {}, silenceMs)
  await peer.hasSeen(1)
  peer.standStill(silenceMs + PEER_CONNECT_MS + 500)
  const chunks: Buffer[] = []
  for await (const chunk of (await asked).body) {
    chunks.push(chunk)
    peer.standStill(silenceMs + 500)
  }
  t.equal(Buffer.concat(chunks).toString(), 'some and more')
})
