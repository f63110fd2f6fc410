// A channel whose node was gone looks for it by itself: the first operation after the node's return is
// served, though none was sent while it was away.

import t from 'tap'
import { failed, STORED } from '../../../src/core/ports.ts'
import { CIRCUIT_FAILURES } from '../../../src/limits.ts'
import { until } from '../../support/cluster/memcached.ts'
import { getOf, mergeOf, openChannel, serveAll, startPeer } from './fake-peer.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

t.test('a node that was away and comes back', async t => {
  const peer = await startPeer(t)
  const channel = openChannel(t, peer.address)
  await peer.close()
  for (let i = 0; i < CIRCUIT_FAILURES; i++) {
    t.same(await channel.send(ringOf(1), getOf('key')), failed('unreachable'))
  }
  await peer.open()
  await until('it was greeted, and the greeting was answered', () => peer.frames.length === 1 && channel.idle)
  t.same(peer.frames[0]?.operations, [])
  t.same(await channel.send(ringOf(1), mergeOf('key')), STORED)
})

t.test('a node that has no ring yet is not told one', async t => {
  const peer = await startPeer(t)
  const channel = openChannel(t, peer.address)
  await peer.close()
  for (let i = 0; i < CIRCUIT_FAILURES; i++) await channel.send(ringOf(1), getOf('key'))
  peer.serve = () => ({ verdict: 'behind', ringJson: undefined, clockMs: undefined, answers: [] })
  await peer.open()
  await until('it was looked for, and that was all', () => peer.frames.length > 0 && channel.idle)
  t.same(
    peer.frames.map(({ ringJson }) => ringJson),
    [undefined]
  )
})

t.test('a node that stays ill is looked for again and again', async t => {
  const peer = await startPeer(t, (_frame, response) => {
    response.writeHead(503).end()
  })
  const channel = openChannel(t, peer.address)
  for (let i = 0; i < CIRCUIT_FAILURES; i++) await channel.send(ringOf(1), getOf('key'))
  await until('it was greeted five times', () => peer.frames.length >= CIRCUIT_FAILURES + 5)
  peer.serve = serveAll
  const before = peer.frames.length
  await until('it was greeted once more', () => peer.frames.length > before && channel.idle)
  t.same(await channel.send(ringOf(1), mergeOf('key')), STORED)
})

t.test('a closed channel looks for nobody', async t => {
  const [left, other] = [
    await startPeer(t, (_frame, response) => {
      response.writeHead(503).end()
    }),
    await startPeer(t, (_frame, response) => {
      response.writeHead(503).end()
    })
  ]
  const [closed, open] = [openChannel(t, left.address), openChannel(t, other.address)]
  for (const channel of [closed, open]) {
    for (let i = 0; i < CIRCUIT_FAILURES; i++) await channel.send(ringOf(1), getOf('key'))
  }
  await closed.close()
  const before = left.frames.length
  await until('the other channel greeted five times', () => other.frames.length >= CIRCUIT_FAILURES + 5)
  t.equal(left.frames.length, before)
})
