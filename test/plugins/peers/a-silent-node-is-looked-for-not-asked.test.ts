// One silence opens the circuit of a node. From then on an operation that needs the node waits for the look
// that is under way, and for no deadline of its own: together they are one question. When the node answers
// it, they are sent; until then nothing of them was done.

import t from 'tap'
import { failed, STORED } from '../../../src/core/ports.ts'
import { until } from '../../support/cluster/memcached.ts'
import { getOf, mergeOf, openChannel, serveAll, served, startPeer, respond } from './fake-peer.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

t.test('a node that falls silent, and comes back', async t => {
  const peer = await startPeer(t, () => {})
  const channel = openChannel(t, peer.address)
  t.same(await channel.send(ringOf(1), getOf('first')), failed('timeout'), 'it has to be found out once')
  t.same(
    await channel.send(ringOf(1), getOf('held')),
    failed('unreachable'),
    'who does not need it is told at once'
  )

  await until('it is looked for', () => peer.frames.length === 2)
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => channel.send(ringOf(1), mergeOf(`key${i}`), true))
  )
  t.same(new Set(answers), new Set([failed('unreachable')]), 'nothing was done')
  t.same(
    peer.frames.slice(1).flatMap(({ operations }) => operations),
    [],
    'only looks were sent'
  )

  let answerLook = (): void => {}
  peer.serve = (frame, response) => {
    if (frame.operations.length > 0) return serveAll(frame, response)
    answerLook = () => {
      respond(response, served([]))
    }
  }
  const looks = peer.frames.length
  await until('it is looked for again', () => peer.frames.length > looks)
  const needed = channel.send(ringOf(1), mergeOf('needed'), true)
  answerLook()
  t.same(await needed, STORED, 'the look was answered')
  t.same(await channel.send(ringOf(1), mergeOf('later')), STORED)
})
