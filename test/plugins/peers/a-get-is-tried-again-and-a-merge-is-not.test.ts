// A connection that breaks may have carried an operation out. Reading twice does no harm; a merge may only be
// told to be unknown.

import t from 'tap'
import { failed, MISS, STORED } from '../../../src/core/ports.ts'
import { getOf, mergeOf, openChannel, serveAll, startPeer } from './fake-peer.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

t.test('when the connection breaks', async t => {
  const peer = await startPeer(t, (_frame, response) => {
    peer.serve = serveAll
    response.destroy()
  })
  const channel = openChannel(t, peer.address)
  const [got, merged] = await Promise.all([
    channel.send(ringOf(1), getOf('key')),
    channel.send(ringOf(1), mergeOf('key'))
  ])
  t.same(got, MISS)
  t.same(merged, failed('timeout'))
  t.same(
    peer.frames.map(frame => frame.operations.length),
    [2, 1]
  )
})

t.test('when it breaks in the middle of the answer', async t => {
  const peer = await startPeer(t, (_frame, response) => {
    peer.serve = serveAll
    response.writeHead(200, { 'content-length': 100 })
    response.write('\x01', () => response.destroy())
  })
  const channel = openChannel(t, peer.address)
  t.same(await channel.send(ringOf(1), getOf('key')), MISS)
})

t.test('once, and no more', async t => {
  const peer = await startPeer(t, (_frame, response) => {
    response.destroy()
  })
  const channel = openChannel(t, peer.address)
  t.same(await channel.send(ringOf(1), getOf('key')), failed('timeout'))
  t.equal(peer.frames.length, 2)
})

t.test('a connection that the other side closed while it was idle costs a get nothing', async t => {
  const peer = await startPeer(t)
  const channel = openChannel(t, peer.address)
  t.same(await channel.send(ringOf(1), mergeOf('key')), STORED)
  await peer.close()
  await peer.open()
  t.same(await channel.send(ringOf(1), getOf('key')), MISS)
})
