// A reply between nodes is bounded, so gets of large values may be refused in it. They are asked for again,
// as long as each reply brings some, and nothing else is.

import t from 'tap'
import { failed, STORED } from '../../../src/core/ports.ts'
import { type PairRecord } from '../../../src/core/pairs/record.ts'
import { NO_ROOM } from '../../../src/core/messages/frame.ts'
import { getOf, mergeOf, openChannel, recordOf, served, startPeer } from './fake-peer.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

const RECORD: PairRecord = recordOf(Buffer.from('value'))
const OVERLOADED = failed('overloaded')

t.test('each reply has room for two', async t => {
  const peer = await startPeer(t, ({ operations }) =>
    served(operations.map((_, i) => (i < 2 ? { kind: 'found', record: RECORD } : NO_ROOM)))
  )
  const channel = openChannel(t, peer.address)
  const answers = await Promise.all(
    Array.from({ length: 7 }, (_, i) => channel.send(ringOf(1), getOf(`k${i}`)))
  )
  t.same(
    answers.map(({ kind }) => kind),
    Array(7).fill('found')
  )
  t.same(
    peer.frames.map(({ operations }) => operations.map(({ key }) => key)),
    [['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6'], ['k2', 'k3', 'k4', 'k5', 'k6'], ['k4', 'k5', 'k6'], ['k6']]
  )
})

t.test('a node that is overloaded, rather than short of room, is not asked again', async t => {
  const peer = await startPeer(t, ({ operations }) =>
    served(operations.map((_, i) => (i === 0 ? { kind: 'found', record: RECORD } : OVERLOADED)))
  )
  const channel = openChannel(t, peer.address)
  t.match(await Promise.all([channel.send(ringOf(1), getOf('a')), channel.send(ringOf(1), getOf('b'))]), [
    { kind: 'found' },
    OVERLOADED
  ])
  t.equal(peer.frames.length, 1)
})

t.test('a merge is not sent again', async t => {
  const peer = await startPeer(t, ({ operations }) =>
    served(
      operations.map((_, i) => (i === 0 ? { kind: 'found', record: RECORD } : i === 1 ? OVERLOADED : STORED))
    )
  )
  const channel = openChannel(t, peer.address)
  const answers = await Promise.all([
    channel.send(ringOf(1), getOf('a')),
    channel.send(ringOf(1), mergeOf('b')),
    channel.send(ringOf(1), mergeOf('c'))
  ])
  t.match(answers, [{ kind: 'found' }, OVERLOADED, STORED])
  t.equal(peer.frames.length, 1)
})

t.test('a node that never has room is overloaded', async t => {
  const peer = await startPeer(t, ({ operations }) => served(operations.map(() => NO_ROOM)))
  t.same(await openChannel(t, peer.address).send(ringOf(1), getOf('key')), OVERLOADED)
  t.ok(peer.frames.length > 1)
})
