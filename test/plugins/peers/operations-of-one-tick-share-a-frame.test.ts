// Operations for one node travel together: those of one tick in one frame, and those that come while frames
// are under way in the next ones. Each gets its own answer.

import t from 'tap'
import { STORED } from '../../../src/core/ports.ts'
import { FRAME_OPS } from '../../../src/limits.ts'
import { FRAME_BYTES, PEER_FRAMES_IN_FLIGHT } from '../../../plugins/peers/limits.ts'
import { until } from '../../support/cluster/memcached.ts'
import { getOf, mergeOf, openChannel, recordOf, served, startPeer, serveAll, respond } from './fake-peer.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'
import { type ServerResponse } from 'node:http'

t.test('one frame for one tick, and to each its own answer', async t => {
  const peer = await startPeer(t, frame =>
    served(
      frame.operations.map(({ key, record }) =>
        record === undefined ? { kind: 'found', record: recordOf(Buffer.from(`of ${key}`)) } : STORED
      )
    )
  )
  const channel = openChannel(t, peer.address)
  const gets = Array.from({ length: 50 }, (_, i) => channel.send(ringOf(1), getOf(`get ${i}`)))
  const merges = Array.from({ length: 50 }, (_, i) => channel.send(ringOf(1), mergeOf(`merge ${i}`)))
  for (const [i, answer] of (await Promise.all(gets)).entries()) {
    t.match(answer, { kind: 'found', record: { value: Buffer.from(`of get ${i}`) } })
  }
  t.same(await Promise.all(merges), Array(50).fill(STORED))
  t.equal(peer.frames.length, 1)
  t.equal(peer.frames[0]?.operations.length, 100)
  t.match(peer.frames[0], { ring: { generation: 7, epoch: 1 }, ringJson: undefined })
})

t.test('a frame has so many operations and no more', async t => {
  const peer = await startPeer(t)
  const channel = openChannel(t, peer.address)
  await Promise.all(
    Array.from({ length: FRAME_OPS + 1 }, (_, i) => channel.send(ringOf(1), getOf(String(i))))
  )
  t.same(peer.frames.map(frame => frame.operations.length).sort(), [1, FRAME_OPS])
})

t.test('a frame has so many bytes and no more, unless one operation has', async t => {
  const peer = await startPeer(t)
  const channel = openChannel(t, peer.address)
  const value = Buffer.alloc(1_000_000)
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) => channel.send(ringOf(1), mergeOf(String(i), value)))
  )
  t.same(answers, Array(12).fill(STORED))
  for (const frame of peer.frames) {
    t.ok(frame.operations.length * 1_000_000 <= FRAME_BYTES, `${frame.operations.length}`)
  }
})

t.test('a frame holds operations of one ring', async t => {
  const peer = await startPeer(t)
  const channel = openChannel(t, peer.address)
  await Promise.all([1, 1, 2, 2, 1].map((epoch, i) => channel.send(ringOf(epoch), getOf(`key ${i}`))))
  t.same(peer.frames.map(frame => [frame.ring.epoch, frame.operations.length]).sort(), [
    [1, 1],
    [1, 2],
    [2, 2]
  ])
})

t.test('operations gather while as many frames are under way as may be', async t => {
  const held: Array<() => void> = []
  const peer = await startPeer(t)
  peer.serve = (frame, response: ServerResponse) => {
    held.push(() => respond(response, served(frame.operations.map(() => STORED))))
  }
  const channel = openChannel(t, peer.address)
  const answers: Array<Promise<unknown>> = []
  for (let i = 0; i < PEER_FRAMES_IN_FLIGHT; i++) {
    answers.push(channel.send(ringOf(1), mergeOf(`frame ${i}`)))
    await until('the frame is there', () => peer.frames.length === i + 1)
  }
  for (let i = 0; i < 20; i++) {
    answers.push(channel.send(ringOf(1), mergeOf(`gathered ${i}`)))
    await new Promise(resolve => setImmediate(resolve))
  }
  t.equal(peer.frames.length, PEER_FRAMES_IN_FLIGHT)
  peer.serve = serveAll
  held.shift()?.()
  await until('the gathered ones are there', () => peer.frames.length === PEER_FRAMES_IN_FLIGHT + 1)
  t.equal(peer.frames.at(-1)?.operations.length, 20)
  for (const release of held) release()
  await Promise.all(answers)
})
