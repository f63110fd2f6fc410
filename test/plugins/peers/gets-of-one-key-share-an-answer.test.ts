// Gets of one key that wait for the same frame travel as one, and each gets the answer. One that comes when
// the frame has left does not share it: a write may have been acknowledged in between.

import t from 'tap'
import { failed, STORED } from '../../../src/core/ports.ts'
import { PEER_FRAMES_IN_FLIGHT, PEER_QUEUE } from '../../../plugins/peers/limits.ts'
import { until } from '../../support/cluster/memcached.ts'
import { getOf, mergeOf, openChannel, recordOf, respond, served, startPeer } from './fake-peer.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

t.test('those of one tick', async t => {
  const peer = await startPeer(t, ({ operations }) =>
    served(
      operations.map(({ key, record }) =>
        record === undefined ? { kind: 'found', record: recordOf(Buffer.from(key)) } : STORED
      )
    )
  )
  const channel = openChannel(t, peer.address)
  const operations = [getOf('a'), getOf('b'), mergeOf('a'), getOf('a'), mergeOf('a'), getOf('a')]
  const answers = await Promise.all(operations.map(operation => channel.send(ringOf(1), operation)))
  t.match(
    answers,
    operations.map(({ key, record }) =>
      record === undefined ? { kind: 'found', record: { value: Buffer.from(key) } } : STORED
    )
  )
  t.same(
    peer.frames.map(({ operations }) =>
      operations.map(({ key, record }) => `${record === undefined ? 'get' : 'merge'} ${key}`)
    ),
    [['get a', 'get b', 'merge a', 'merge a']]
  )
})

t.test('not those of different rings', async t => {
  const peer = await startPeer(t)
  const channel = openChannel(t, peer.address)
  await Promise.all([1, 2, 1, 2].map(epoch => channel.send(ringOf(epoch), getOf('a'))))
  t.same(
    peer.frames.map(({ operations }) => operations.length),
    [1, 1, 1, 1]
  )
})

t.test('not one that begins when the frame has left', async t => {
  const peer = await startPeer(t)
  const values = ['old', 'new']
  const held: Array<() => void> = []
  peer.serve = ({ operations }, response) => {
    const record = recordOf(Buffer.from(values.shift() ?? ''))
    held.push(() => respond(response, served(operations.map(() => ({ kind: 'found', record })))))
  }
  const channel = openChannel(t, peer.address)
  const early = channel.send(ringOf(1), getOf('a'))
  await until('the first frame is there', () => held.length === 1)
  const late = [channel.send(ringOf(1), getOf('a')), channel.send(ringOf(1), getOf('a'))]
  await until('the second frame is there', () => held.length === 2)
  for (const release of held) release()
  t.match(await early, { record: { value: Buffer.from('old') } })
  for (const answer of await Promise.all(late)) t.match(answer, { record: { value: Buffer.from('new') } })
  t.same(
    peer.frames.map(({ operations }) => operations.length),
    [1, 1]
  )
})

t.test('those who share count as waiting', async t => {
  const peer = await startPeer(t, () => {})
  const channel = openChannel(t, peer.address)
  for (let i = 0; i < PEER_FRAMES_IN_FLIGHT; i++) {
    channel.send(ringOf(1), mergeOf('k')).catch(() => {})
    await until('a frame is there', () => peer.frames.length === i + 1)
  }
  const waiting = Array.from({ length: PEER_QUEUE }, () => channel.send(ringOf(1), getOf('a')))
  t.same(await channel.send(ringOf(1), getOf('a')), failed('overloaded'))
  await channel.close()
  t.same(new Set(await Promise.all(waiting)), new Set([failed('unreachable')]))
})
