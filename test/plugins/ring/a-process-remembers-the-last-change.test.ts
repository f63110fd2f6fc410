// A process that goes from ring to ring remembers the last change that it has seen, for whoever asks.

import t from 'tap'
import { createInstalledRing } from '../../../plugins/ring/installed.ts'
import { beginChange, receivedAll, renewed } from '../../../src/core/ring/change.ts'
import { ringOf } from '../../keeper/keeper-fakes.ts'

const stable = ringOf(1)
const node = '127.0.0.1:5003'
const joint = beginChange(stable, { kind: 'add', position: 500, node })
const grown = (joint.pending ?? []).reduce((ring, receiver) => receivedAll(ring, joint, receiver), joint)

t.test('under way, done, and done still after a ring that changes nothing', async t => {
  const installed = createInstalledRing()
  t.equal(installed.lastChange, undefined)
  await installed.switchTo(stable)
  t.equal(installed.lastChange, undefined)
  await installed.switchTo(joint)
  t.same(installed.lastChange, { state: 'under way', ring: joint })
  await installed.switchTo(grown)
  t.match(installed.lastChange, { state: 'done', ring: { next: grown.tokens } })
  await installed.switchTo(renewed(grown))
  t.match(installed.lastChange, { state: 'done', ring: { next: grown.tokens } })
  await installed.switchTo(joint)
  t.match(installed.lastChange, { state: 'done' }, 'an older ring changes nothing')
})

t.test('whoever waits for another ring hears of each', async t => {
  const installed = createInstalledRing()
  const heard: number[] = []
  const listen = () =>
    installed.switched.then(() => {
      heard.push(installed.view?.ring.epoch ?? 0)
    })
  const first = listen()
  await installed.switchTo(stable)
  await first
  const second = listen()
  await installed.switchTo(stable)
  t.same(heard, [1], 'the same ring is no other')
  await installed.switchTo(joint)
  await second
  t.same(heard, [1, 2])
})
