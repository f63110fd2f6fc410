// A channel hands on what a reply tells beside its answers: the other node's clock, where it was greeted, and
// its verdict on the ring.

import t from 'tap'
import { digestOf } from '../../../src/core/ring/digest.ts'
import { ringToJson } from '../../../src/core/ring/ring-json.ts'
import { getOf, mergeOf, openChannel, serveAll, startPeer } from './fake-peer.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

t.test('a greeting and a probe that bring a time back', async t => {
  const peer = await startPeer(t, () => ({
    verdict: 'served',
    ringJson: undefined,
    clockMs: 1_005_000,
    answers: []
  }))
  const channel = openChannel(t, peer.address)
  await channel.greet()
  await channel.probe()
  t.equal(channel.skews.length, 2)
  for (const { aheadMs, uncertainMs } of channel.skews) {
    t.ok(
      uncertainMs > 0 && Math.abs(aheadMs - 5_000) <= uncertainMs + 1e-6,
      'the truth is within what is said'
    )
  }
  t.match(peer.frames, [
    { digest: digestOf(ringOf(1)), operations: [] },
    { digest: digestOf(ringOf(1)), operations: [] }
  ])
})

t.test('what brings none measures nothing', async t => {
  const peer = await startPeer(t, serveAll)
  const channel = openChannel(t, peer.address)
  await channel.greet()
  await channel.send(ringOf(1), getOf('k'))
  t.same(channel.skews, [])
})

t.test('a probe tells a node that is behind no ring', async t => {
  const peer = await startPeer(t, () => ({
    verdict: 'behind',
    ringJson: undefined,
    clockMs: undefined,
    answers: []
  }))
  const channel = openChannel(t, peer.address)
  await channel.probe()
  t.match(peer.frames, [{ ringJson: undefined }])
  t.equal(peer.frames.length, 1)
})

t.test('another ring of the same number: nothing was done, and it is told', async t => {
  const json = JSON.stringify(ringToJson({ ...ringOf(1), replicas: 1 }))
  const peer = await startPeer(t, () => ({
    verdict: 'split',
    ringJson: json,
    clockMs: undefined,
    answers: []
  }))
  const channel = openChannel(t, peer.address)
  t.same(await Promise.all([channel.send(ringOf(1), getOf('k')), channel.send(ringOf(1), mergeOf('l'))]), [
    { kind: 'failed', reason: 'unreachable' },
    { kind: 'failed', reason: 'unreachable' }
  ])
  t.same(channel.verdicts, ['split'])
  t.same(channel.installed, [], 'it is not taken over')
})
