// Nothing waits without a bound: a full queue refuses at once, a node that fails is left alone for a while,
// one that is slow costs its own operations a deadline and nobody else anything.

import t from 'tap'
import { STORED, MISS, failed } from '../../../src/core/ports.ts'
import { CIRCUIT_FAILURES, FRAME_OPS } from '../../../src/limits.ts'
import {
  PEER_ASIDES,
  PEER_FRAMES_IN_FLIGHT,
  PEER_QUEUE,
  PEER_QUEUE_BYTES
} from '../../../plugins/peers/limits.ts'
import { freePort } from '../../support/cluster/ports.ts'
import { until } from '../../support/cluster/memcached.ts'
import { getOf, mergeOf, openChannel, serveAll, startPeer } from './fake-peer.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

t.test('a full queue refuses at once', async t => {
  const peer = await startPeer(t, () => {})
  const channel = openChannel(t, peer.address)
  const waiting = Array.from({ length: PEER_QUEUE }, (_, i) => channel.send(ringOf(1), getOf(String(i))))
  t.same(await channel.send(ringOf(1), getOf('one more')), failed('overloaded'))
  await channel.close()
  for (const answer of await Promise.all(waiting)) if (answer.kind !== 'failed') t.fail(answer.kind)
})

t.test('so does one of few, but large, values', async t => {
  const peer = await startPeer(t, () => {})
  const channel = openChannel(t, peer.address)
  const value = Buffer.alloc(PEER_QUEUE_BYTES / 16)
  const waiting = Array.from({ length: 15 }, (_, i) => channel.send(ringOf(1), mergeOf(String(i), value)))
  t.same(await channel.send(ringOf(1), mergeOf('one more', value)), failed('overloaded'))
  const small = channel.send(ringOf(1), mergeOf('a small one'))
  await channel.close()
  for (const answer of await Promise.all([...waiting, small])) t.notSame(answer, failed('overloaded'))
})

t.test('operations that wait behind a silent node end too', async t => {
  const peer = await startPeer(t, () => {})
  const channel = openChannel(t, peer.address)
  const count = FRAME_OPS * (PEER_FRAMES_IN_FLIGHT + 2)
  const answers = await Promise.all(
    Array.from({ length: count }, (_, i) => channel.send(ringOf(1), mergeOf(String(i))))
  )
  t.same(
    answers.slice(0, FRAME_OPS * PEER_FRAMES_IN_FLIGHT).filter(answer => answer !== failed('timeout')),
    [],
    'what was sent may have been done'
  )
  t.same(
    answers.slice(FRAME_OPS * PEER_FRAMES_IN_FLIGHT).filter(answer => answer !== failed('unreachable')),
    [],
    'what was never sent was not'
  )
  t.equal(peer.frames.length, PEER_FRAMES_IN_FLIGHT)
})

t.test('a slow node does not delay another', async t => {
  const slow = await startPeer(t, () => {})
  const quick = await startPeer(t)
  const toSlow = openChannel(t, slow.address)
  const toQuick = openChannel(t, quick.address)
  let slowEnded = false
  const waits = toSlow.send(ringOf(1), getOf('key')).then(() => {
    slowEnded = true
  })
  await until('the slow one has it', () => slow.frames.length === 1)
  for (let i = 0; i < 5; i++) t.same(await toQuick.send(ringOf(1), mergeOf('key')), STORED)
  t.notOk(slowEnded)
  await waits
})

t.test(
  'questions that a node takes long to answer delay no operation, and no other question for longer ' +
    'than it may wait',
  async t => {
    // It answers frames only.
    const peer = await startPeer(t)
    const channel = openChannel(t, peer.address)
    const long = Array.from({ length: 2 * PEER_ASIDES }, () =>
      channel.call('/internal/tidy', {}, 60_000).catch(() => 'ended')
    )
    t.same(await channel.send(ringOf(1), mergeOf('key')), STORED)
    await t.rejects(channel.call('/internal/progress', {}, 100), { code: 'KV_ERR_NODE_NOT_READY' })
    t.same(await channel.send(ringOf(1), mergeOf('key')), STORED)
    await channel.close()
    t.same(new Set(await Promise.all(long)), new Set(['ended']))
  }
)

t.test('a node that answers its head and then dribbles does not hold an operation for ever', async t => {
  const peer = await startPeer(t, (_frame, response) => {
    response.writeHead(200, { 'content-length': 100_000 })
    const timer = setInterval(() => {
      response.write('\x01')
    }, 100)
    response.on('close', () => clearInterval(timer))
  })
  const channel = openChannel(t, peer.address)
  t.same(await channel.send(ringOf(1), mergeOf('key')), failed('timeout'))
})

t.test('the circuit opens after some failures and closes when the node is back', async t => {
  const peer = await startPeer(t)
  const channel = openChannel(t, peer.address)
  t.same(await channel.send(ringOf(1), getOf('key')), MISS)
  peer.serve = (_frame, response) => {
    response.writeHead(503).end()
  }
  for (let i = 0; i < CIRCUIT_FAILURES; i++) {
    t.same(await channel.send(ringOf(1), getOf('key')), failed('timeout'))
  }
  await until('nothing is sent', async () => {
    const before = peer.frames.length
    const answers = await Promise.all(Array.from({ length: 20 }, () => channel.send(ringOf(1), getOf('key'))))
    // Where this process was held up, the way was rightly tried again.
    return peer.frames.length === before && answers.every(answer => answer === failed('unreachable'))
  })
  peer.serve = serveAll
  await until(
    'the node counts again',
    async () => (await channel.send(ringOf(1), getOf('key'))).kind === 'miss'
  )
  t.same(
    await Promise.all(Array.from({ length: 20 }, () => channel.send(ringOf(1), getOf('key')))),
    Array(20).fill(MISS)
  )
})

t.test('who insists is sent through an open circuit, and closes it', async t => {
  const peer = await startPeer(t)
  const channel = openChannel(t, peer.address)
  // Where this process was held up, the circuit let both through, rightly.
  await until('the circuit holds back who does not insist', async () => {
    await peer.close()
    for (let i = 0; i < CIRCUIT_FAILURES; i++) {
      t.same(await channel.send(ringOf(1), getOf('key'), true), failed('unreachable'))
    }
    await peer.open()
    const [held, sent] = await Promise.all([
      channel.send(ringOf(1), getOf('held')),
      channel.send(ringOf(1), getOf('sent'), true)
    ])
    t.same(sent, MISS)
    return held === failed('unreachable')
  })
  t.same(await channel.send(ringOf(1), mergeOf('key')), STORED)
})

t.test('nobody listening is unreachable, so nothing was done', async t => {
  const channel = openChannel(t, `127.0.0.1:${await freePort()}`)
  t.same(await channel.send(ringOf(1), mergeOf('key')), failed('unreachable'))
})

t.test('a closed channel answers what it still had, and what comes later', async t => {
  const peer = await startPeer(t, () => {})
  const channel = openChannel(t, peer.address)
  const sent = channel.send(ringOf(1), mergeOf('sent'))
  await until('it is under way', () => peer.frames.length === 1)
  const waiting = channel.send(ringOf(1), mergeOf('waiting'))
  await channel.close()
  t.same(await sent, failed('timeout'))
  t.same(await waiting, failed('unreachable'))
  t.match(await channel.send(ringOf(1), mergeOf('late')), { kind: 'failed' })
  await channel.close()
})
